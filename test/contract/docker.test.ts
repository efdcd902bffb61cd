import { execFile } from 'node:child_process';
import { readdir, readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DockerfileParser, type Dockerfile, type Instruction } from 'dockerfile-ast';
import { validate } from 'dockerfile-utils';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { z } from 'zod';
import { loadConfig } from '#runtime';
import { apiConfigSchema } from '../../apps/api/src/config.js';
import { simulatorConfigSchema } from '../../apps/simulator/src/config.js';
import { sessionNodeConfigSchema } from '../../apps/session-node/src/config.js';

const run = promisify(execFile);
const root = new URL('../..', import.meta.url).pathname;
const read = (path: string) => readFile(join(root, path), 'utf8');

/** The processes that have a schema of their environment. */
const SCHEMAS: Record<string, z.ZodObject> = {
  api: apiConfigSchema,
  simulator: simulatorConfigSchema,
  'session-node': sessionNodeConfigSchema,
};

/** What belongs to the containers, and is not left to docker/.env. */
const FIXED = new Set([
  ...['HOST', 'PORT', 'ALLOW_REMOTE', 'NODE_NAME', 'NODE_URL', 'API_URL', 'PROFILES_DIR', 'CHROME_PATH'],
  // Made of POSTGRES_APP_PASSWORD and POSTGRES_OWNER_PASSWORD; of the overlay.
  ...['DATABASE_URL', 'DATABASE_OWNER_URL', 'SIMULATOR_URL'],
]);

interface Service {
  image?: string;
  restart?: string;
  logging?: { driver: string; options: Record<string, string> };
  build?: { context: string; dockerfile: string };
  environment?: Record<string, string | number>;
  ports?: string[];
  networks?: string[];
  healthcheck?: { test: string[] };
  cap_drop?: string[];
  security_opt?: string[];
  volumes?: string[];
}
interface Compose {
  services: Record<string, Service>;
  networks: Record<string, { internal?: boolean }>;
}

const COMPOSE_FILES = ['docker/compose.yaml', 'docker/compose.simulator.yaml'];
const composeText = (await Promise.all(COMPOSE_FILES.map(read))).join('\n');
const compose = parse(await read('docker/compose.yaml')) as Compose;
const overlay = parse(await read('docker/compose.simulator.yaml')) as Compose;
const dockerfileNames = (await readdir(join(root, 'docker'))).filter((name) => name.endsWith('.Dockerfile'));
const dockerfiles = await Promise.all(
  dockerfileNames.map(async (name) => ({ name, text: await read(`docker/${name}`) })),
);

function assignmentsIn(text: string, pattern: RegExp): Record<string, string> {
  return Object.fromEntries([...text.matchAll(pattern)].map(([, name = '', value = '']) => [name, value]));
}

/** What the command in env.example makes of that file. */
async function generateEnv(): Promise<Record<string, string>> {
  const command = /^# +(awk .*) > docker\/\.env/m.exec(await read('docker/env.example'))?.[1];
  if (!command) throw new Error('docker/env.example holds no command that generates secrets');
  const { stdout } = await run('sh', ['-c', command], { cwd: root });
  return assignmentsIn(stdout, /^([A-Z_0-9]+)=(.*)$/gm);
}

/** Compose's `${NAME:?message}` and `${NAME:-default}`. */
const VARIABLE = /\$\{([A-Z_0-9]+)(?::([?-])([^}]*))?\}/g;

function interpolate(value: string, env: Record<string, string>): string {
  return value.replace(VARIABLE, (_, name: string, kind: string | undefined, rest: string) => {
    if (env[name]) return env[name];
    if (kind === '-') return rest;
    throw new Error(`${name} is not set`);
  });
}

/** What the process of a service gets: the image's ENV, then the service's environment. */
function environmentOf(service: Service, env: Record<string, string>): Record<string, string> {
  const image = dockerfiles.find(({ name }) => service.build?.dockerfile === `docker/${name}`);
  const entries = Object.entries(service.environment ?? {});
  return {
    ...assignmentsIn(image?.text ?? '', /^(?:ENV| +)\s*([A-Z_]+)=(\S+)/gm),
    ...Object.fromEntries(entries.map(([name, value]) => [name, interpolate(String(value), env)])),
  };
}

/** The services of compose.yaml, each with what compose.simulator.yaml adds to its environment. */
const services = { ...compose.services };
for (const [name, added] of Object.entries(overlay.services)) {
  const service = services[name];
  const environment = { ...service?.environment, ...added.environment };
  services[name] = { ...added, ...service, environment };
}

describe('the compose files', () => {
  it('pass the Compose schema and the linter', async () => {
    const args = ['node_modules/dclint/bin/dclint.cjs', ...COMPOSE_FILES, '--max-warnings', '0'];
    // Ordered as one reads it, not by alphabet.
    const unwanted = [
      'services-alphabetical-order',
      'service-keys-order',
      'service-dependencies-alphabetical-order',
    ];
    await run(process.execPath, [...args, '--disable-rule', ...unwanted], { cwd: root });
  });

  it('take every variable they ask for from env.example, or have a default', async () => {
    const offered = new Set(
      (await read('docker/env.example')).match(/^#?[A-Z_0-9]+(?==)/gm)?.map((name) => name.replace('#', '')),
    );
    const asked = [...composeText.matchAll(VARIABLE)];
    for (const [, name, kind] of asked) {
      if (kind === '?') expect(offered, `${name} in env.example`).toContain(name);
      else expect(kind, `${name} has a default`).toBe('-');
    }
    const names = new Set(asked.map((match) => match[1]));
    expect(
      [...offered].filter((name) => !names.has(name)),
      'in env.example, and unused',
    ).toEqual([]);
  });

  it.each(Object.entries(SCHEMAS))(
    'give %s an environment that its schema accepts, without unknown variables',
    async (name, schema) => {
      const service = services[name] as Service;
      const unknown = Object.keys(service.environment ?? {}).filter(
        (variable) => !(variable in schema.shape),
      );
      expect(unknown).toEqual([]);
      expect(loadConfig(schema, environmentOf(service, await generateEnv()))).toBeTypeOf('object');
    },
  );

  it.each(['api', 'session-node'])('let every variable of %s be set in docker/.env', async (name) => {
    const env = await generateEnv();
    const declared = (services[name] as Service).environment ?? {};
    for (const variable of Object.keys(SCHEMAS[name]?.shape ?? {})) {
      if (FIXED.has(variable)) continue;
      const written = interpolate(String(declared[variable]), { ...env, [variable]: 'what is set' });
      expect(written, variable).toBe('what is set');
    }
  });

  it('let no log grow without end', () => {
    for (const [name, { logging }] of Object.entries(services)) {
      expect(logging?.driver, name).toBe('json-file');
      expect(Object.keys(logging?.options ?? {}), name).toEqual(['max-size', 'max-file']);
    }
  });

  it('refuse to start without secrets', () => {
    for (const name of ['api', 'session-node', 'postgres', 'minio']) {
      expect(() => environmentOf(services[name] as Service, {}), name).toThrow('is not set');
    }
  });

  it('run no image by a moving tag, and check the health of every service', () => {
    for (const [name, service] of Object.entries(services)) {
      if (service.build) expect(service.build.context).toBe('..');
      else {
        expect(service.image, name).toMatch(/:[^:]*\d+\.\d+|:RELEASE\./);
        expect(service.healthcheck?.test.length, name).toBeGreaterThan(0);
      }
    }
  });

  it('publish the api only, and the simulator where it is added; both on the loopback address', () => {
    const portsOf = (file: Compose) =>
      Object.entries(file.services).flatMap(([name, { ports }]) =>
        (ports ?? []).map((port) => ({ name, port })),
      );
    expect(portsOf(compose)).toEqual([{ name: 'api', port: '127.0.0.1:${API_PORT:-3000}:3000' }]);
    expect(portsOf(overlay)).toEqual([
      { name: 'session-node', port: '127.0.0.1:${SIMULATOR_PORT:-4180}:4180' },
    ]);
    expect(compose.networks.private?.internal).toBe(true);
    for (const name of ['postgres', 'minio']) expect(services[name]?.networks).toEqual(['private']);
  });

  it('drop every capability of our own containers, and keep the browser sandbox by a seccomp profile', async () => {
    for (const [name, service] of Object.entries(services)) {
      if (!service.build) continue;
      expect(service.cap_drop, name).toEqual(['ALL']);
      expect(service.security_opt, name).toContain('no-new-privileges:true');
    }
    expect(services['session-node']?.security_opt).toContain('seccomp=./seccomp-chromium.json');
    const profile = JSON.parse(await read('docker/seccomp-chromium.json')) as {
      defaultAction: string;
      syscalls: { names: string[]; action: string }[];
    };
    expect(profile.defaultAction).toBe('SCMP_ACT_ERRNO');
    const allowed = profile.syscalls
      .filter(({ action }) => action === 'SCMP_ACT_ALLOW')
      .flatMap(({ names }) => names);
    expect(allowed).toEqual(expect.arrayContaining(['clone', 'clone3', 'unshare', 'chroot', 'seccomp']));
    for (const call of [
      'mount',
      'bpf',
      'ptrace',
      'init_module',
      'kexec_load',
      'keyctl',
      'setns',
      'io_uring_setup',
    ]) {
      expect(allowed).not.toContain(call);
    }
  });
});

const instructionsOf = (file: Dockerfile, keyword: string): Instruction[] =>
  file.getInstructions().filter((instruction) => instruction.getKeyword() === keyword);
const argumentsOf = (instruction: Instruction | undefined): string[] =>
  instruction?.getArguments().map((argument) => argument.getValue()) ?? [];
const listOf = (instruction: Instruction | undefined): string[] =>
  JSON.parse(/\[.*\]$/.exec(instruction?.getArgumentsContent() ?? '')?.[0] ?? '[]') as string[];

describe.each(dockerfiles)('docker/$name', ({ text }) => {
  const file = DockerfileParser.parse(text);

  it('passes the linter', () => {
    expect(validate(text).map(({ range, message }) => [range.start.line + 1, message])).toEqual([]);
  });

  it('builds on the Node version of .nvmrc', async () => {
    const version = (await read('.nvmrc')).trim();
    for (const from of file.getFROMs()) expect(from.getImage()).toBe(`node:${version}-bookworm-slim`);
  });

  it('copies only what exists and what .dockerignore lets through', async () => {
    const ignore = (await read('.dockerignore')).split('\n');
    expect(ignore).toContain('*');
    const sources = file
      .getCOPYs()
      .filter((copy) => !copy.getFlags().some((flag) => flag.getName() === 'from'))
      .flatMap((copy) => argumentsOf(copy).slice(0, -1));
    expect(sources.length).toBeGreaterThan(0);
    for (const source of sources) {
      const path = source.replace('./', '');
      expect(ignore, path).toContain(`!${path}`);
      expect(await stat(join(root, path))).toBeDefined();
    }
  });

  it('installs without scripts and starts a program that the build makes, under tini', async () => {
    const installs = instructionsOf(file, 'RUN').filter((instruction) =>
      instruction.getRawArgumentsContent()?.includes('npm ci'),
    );
    expect(installs).toHaveLength(2);
    for (const install of installs)
      expect(install.getRawArgumentsContent()).toContain('npm ci --ignore-scripts');
    expect(listOf(file.getENTRYPOINTs().at(-1))).toEqual(['tini', '--']);
    const [program, ...rest] = listOf(file.getCMDs().at(-1));
    expect(program).toBe('node');
    const path = rest.find((argument) => !argument.startsWith('--'));
    // tsconfig.build.json compiles apps/ and libs/ to the same places below dist/.
    const source = path?.replace(/^dist\//, '').replace(/\.js$/, '.ts') ?? '';
    expect((await stat(join(root, source))).isFile()).toBe(true);
  });

  it('runs as an ordinary user', () => {
    const lastStage = file.getFROMs().at(-1)?.getRange().start.line ?? 0;
    const users = instructionsOf(file, 'USER').filter((user) => user.getRange().start.line > lastStage);
    expect(users.map(argumentsOf)).toEqual([['node']]);
  });

  it('has a health check that follows the health of the process', async () => {
    const check = file.getHEALTHCHECKs().at(-1);
    const [program, ...args] = listOf(check);
    expect(program).toBe('node');
    let status = 200;
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url ?? '');
      response.writeHead(status).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const port = String((server.address() as AddressInfo).port);
    const env = { PATH: process.env.PATH, PORT: port, SIMULATOR_PORT: port };
    try {
      await expect(run(process.execPath, args, { env })).resolves.toBeDefined();
      status = 503;
      await expect(run(process.execPath, args, { env })).rejects.toMatchObject({ code: 1 });
      expect(asked.every((path) => path.startsWith('/health'))).toBe(true);
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
    await expect(run(process.execPath, args, { env })).rejects.toMatchObject({ code: 1 });
  });
});
