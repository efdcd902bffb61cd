/**
 * Writes `.env.example` and `docs/config.md` from the processes' config schemas; with `--check` only says whether
 * they are stale. `npm run config-docs`.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { orExit, prepareBuild } from './prepare.mjs';
import { root } from './prepare/steps.mjs';

const NOTE = 'Generated from the config schemas by `npm run config-docs`; do not edit.';

async function loadProcesses() {
  const { describeConfig } = await import('../dist/libs/runtime/src/index.js');
  const { apiConfigSchema } = await import('../dist/apps/api/src/config.js');
  const { sessionNodeConfigSchema } = await import('../dist/apps/session-node/src/config.js');
  const { simulatorConfigSchema } = await import('../dist/apps/simulator/src/config.js');
  return [
    { name: 'api', start: 'node dist/apps/api/src/main.js', variables: describeConfig(apiConfigSchema) },
    {
      name: 'session-node',
      start: 'node dist/apps/session-node/src/main.js',
      variables: describeConfig(sessionNodeConfigSchema),
    },
    {
      name: 'simulator',
      start: 'node dist/apps/simulator/src/main.js',
      variables: describeConfig(simulatorConfigSchema),
    },
  ];
}

function exampleLines({ name, description, isRequired, defaultValue, isSecret }) {
  const remarks = [isRequired ? 'required' : '', isSecret ? 'secret' : ''].filter(Boolean).join(', ');
  const line = isRequired ? `${name}=` : `# ${name}=${defaultValue ?? ''}`;
  return [`# ${description}${remarks ? ` (${remarks})` : ''}`, line];
}

function writeExample(processes) {
  const sections = processes.map(({ name, variables }) =>
    [`# ---- ${name} ----`, ...variables.flatMap((variable) => ['', ...exampleLines(variable)])].join('\n'),
  );
  const head = `# ${NOTE}\n# Each process reads its own section; a name in several sections may have another value in each.`;
  return `${[head, ...sections].join('\n\n')}\n`;
}

/** What `npm start` reads for itself; everything else of its environment goes on to the processes. */
const LAUNCHER_ROWS = [
  ['PORT', '3000', 'Port of the api'],
  ['HOST', '127.0.0.1', 'Address the api listens on'],
  ['SESSION_NODE_PORT', '3100', 'Port of the session-node, on this machine only'],
  ['SIMULATOR_PORT', '3400', 'Port of the simulator, on this machine only'],
  ['SIMULATOR_PAGE_PORT', 'any free one', "Port of the simulator's page"],
  ['S3_PORT', '3900', 'Port of the embedded S3 server'],
  ['POSTGRES_PORT', 'any free one', 'Port of the embedded Postgres'],
  ['WAGATE_DIR', '.wagate', 'Folder of the data, the logins and the secrets'],
  ['CHROME_PATH', 'found or installed', 'The browser'],
  ['CHROME_NO_SANDBOX', 'true as root, else false', "Whether the browser runs without Chromium's sandbox"],
];

function launcherSection() {
  const rows = LAUNCHER_ROWS.map(([name, initial, meaning]) => `| \`${name}\` | ${initial} | ${meaning} |`);
  const table = ['| Variable | Default | Meaning |', '|---|---|---|', ...rows].join('\n');
  const intro =
    '`npm start` configures all processes itself, with secrets of its own in `.wagate/`. A default port that is taken ' +
    'is replaced by the next free one, and it says so; a port that was asked for is not.';
  return `## npm start\n\n${intro}\n\n${table}`;
}

const escapeCell = (text) => text.replaceAll('|', '\\|');

function writeDocument(processes) {
  const sections = processes.map(({ name, start, variables }) => {
    const rows = variables.map(
      ({ name: variable, description, allowed, isRequired, defaultValue, isSecret }) => {
        const initial = isRequired ? 'required' : defaultValue === undefined ? '' : `\`${defaultValue}\``;
        const meaning = `${escapeCell(description)}${isSecret ? ' (secret)' : ''}`;
        return `| \`${variable}\` | ${initial} | ${escapeCell(allowed)} | ${meaning} |`;
      },
    );
    const table = ['| Variable | Default | Allowed | Meaning |', '|---|---|---|---|', ...rows].join('\n');
    return `## ${name}\n\n\`${start}\`\n\n${table}`;
  });
  const intro =
    'Each process is configured by its environment, read once at its start. A bad or missing variable is named, ' +
    'all at once, and the process ends with code 1. An empty value counts as not set.';
  return `# Configuration\n\n<!-- ${NOTE} -->\n\n${intro}\n\n${[launcherSection(), ...sections].join('\n\n')}\n`;
}

await orExit(prepareBuild);
const processes = await loadProcesses();
const files = { '.env.example': writeExample(processes), 'docs/config.md': writeDocument(processes) };
const undescribed = processes.flatMap(({ name, variables }) =>
  variables.filter(({ description }) => !description).map((variable) => `${name}: ${variable.name}`),
);
if (undescribed.length > 0) {
  process.stderr.write(`without a description: ${undescribed.join(', ')}\n`);
  process.exit(1);
}
for (const [name, text] of Object.entries(files)) {
  const path = join(root, name);
  if (!process.argv.includes('--check')) {
    await writeFile(path, text);
    continue;
  }
  const present = await readFile(path, 'utf8').catch(() => '');
  if (present === text) continue;
  process.stderr.write(`${name} is stale; run: npm run config-docs\n`);
  process.exitCode = 1;
}
