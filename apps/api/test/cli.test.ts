import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { FreshDatabase } from '#embedded';
import { appUrlOf } from '../../../test/support/app-url.js';
import { freshDatabase } from '../../../test/support/index.js';

const PROGRAM = fileURLToPath(new URL('../../../dist/apps/api/src/cli.js', import.meta.url));

let own: FreshDatabase;
let env: Record<string, string>;

beforeAll(async () => {
  own = await freshDatabase();
  env = {
    DATABASE_URL: appUrlOf(own.url),
    DATABASE_OWNER_URL: own.url,
    KEY_PEPPER: randomBytes(32).toString('hex'),
  };
});

afterAll(() => own?.drop());

interface Run {
  code: number;
  stdout: string;
  stderr: string;
}

function wagate(args: string[], settings: Record<string, string> = env): Promise<Run> {
  return new Promise((resolve) => {
    const options = { env: { PATH: process.env.PATH ?? '', ...settings }, timeout: 60_000 };
    execFile(process.execPath, [PROGRAM, ...args], options, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : error ? 1 : 0, stdout, stderr });
    });
  });
}

async function json<T>(...args: string[]): Promise<T> {
  const { stdout, stderr, code } = await wagate([...args, '--json']);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as T;
}

// Each line is a process of its own, and a busy machine starts them slowly.
describe('the command line', { timeout: 240_000 }, () => {
  it('does not migrate a database only to read it', async () => {
    const empty = await freshDatabase();
    try {
      const settings = { ...env, DATABASE_URL: appUrlOf(empty.url), DATABASE_OWNER_URL: empty.url };
      const { code, stderr } = await wagate(['tenant', 'list'], settings);
      expect([code, stderr]).toEqual([1, expect.stringMatching(/^the database is not at schema version/)]);
      const owner = new pg.Client(empty.url);
      await owner.connect();
      const { rows } = await owner.query(`SELECT FROM pg_tables WHERE schemaname = 'public'`);
      await owner.end();
      expect(rows).toEqual([]);
    } finally {
      await empty.drop();
    }
  });

  it('makes a tenant and its key on an empty database, lists them, and revokes', async () => {
    const made = await json<{ tenantId: string; keyId: string; key: string }>(
      'tenant',
      'create',
      '--name',
      'Acme',
      '--mode',
      'test',
    );
    expect(made.key).toMatch(/^wg_test_/);
    const tenants = await json<{ id: string; name: string }[]>('tenant', 'list');
    expect(tenants).toMatchObject([{ id: made.tenantId, name: 'Acme', status: 'active' }]);
    const { keyId } = await json<{ keyId: string }>(
      'key',
      'create',
      '--tenant',
      made.tenantId,
      '--name',
      'CRM',
      '--scopes',
      'messages:send,messages:read',
    );
    const listed = () =>
      json<{ id: string; state: string; scopes: string[] }[]>('key', 'list', '--tenant', made.tenantId);
    expect(await listed()).toMatchObject([
      { id: keyId, state: 'active', scopes: ['messages:send', 'messages:read'] },
      { id: made.keyId, state: 'active' },
    ]);
    await json('key', 'revoke', '--tenant', made.tenantId, '--id', keyId);
    expect((await listed())[0]).toMatchObject({ id: keyId, state: 'revoked' });
  });

  it('gives the admin scope only when told to', async () => {
    const scopesOf = async (...flags: string[]) => {
      const { tenantId } = await json<{ tenantId: string }>('tenant', 'create', '--name', 'T', ...flags);
      const [key] = await json<{ scopes: string[] }[]>('key', 'list', '--tenant', tenantId);
      return key?.scopes;
    };
    expect(await scopesOf()).not.toContain('admin');
    expect(await scopesOf('--admin')).toContain('admin');
  });

  it('prints the key for people too', async () => {
    const { stdout } = await wagate(['tenant', 'create', '--name', 'Readable']);
    expect(stdout).toMatch(/^tenantId +tnt_\w{26}$/m);
    expect(stdout).toMatch(/^key +wg_live_\w+$/m);
  });

  it('refuses what it cannot do in one line, and does nothing', async () => {
    const nobody = 'tnt_00000000000000000000000000';
    const refused: [string[], RegExp][] = [
      [['tenant', 'create'], /--name/],
      [['tenant', 'create', '--name', 'x', '--mode', 'real'], /live, test/],
      [['tenant', 'create', '--name', 'x', '--scopes', 'all'], /messages:send/],
      [['key', 'list', '--tenant', nobody], /no such tenant/],
      [['key', 'create', '--tenant', 'acme', '--name', 'x'], /no such tenant/],
      [['key', 'revoke', '--tenant', nobody, '--id', 'key_x'], /no such API key/],
      [['tenant', 'retention', '--tenant', nobody, '--media-days', '1'], /no such tenant/],
      [['tenant', 'retention', '--tenant', nobody, '--media-days', '-1'], /0 to 36500/],
    ];
    const before = await json<unknown[]>('tenant', 'list');
    for (const [args, says] of refused) {
      const { code, stderr, stdout } = await wagate(args);
      expect(code, args.join(' ')).toBe(1);
      expect(stderr).toMatch(says);
      expect(stderr).not.toMatch(/ at .*\.js/);
      expect(stdout).toBe('');
    }
    expect(await json<unknown[]>('tenant', 'list')).toEqual(before);
  });

  it('sets how long a tenant keeps what it has, and cleans up', async () => {
    const { tenantId } = await json<{ tenantId: string }>('tenant', 'create', '--name', 'Keeper');
    const retention = (...more: string[]) => json('tenant', 'retention', '--tenant', tenantId, ...more);
    expect(await retention('--message-days', '90', '--media-days', '0')).toMatchObject({
      messageDays: 90,
      mediaDays: 0,
    });
    expect(await retention('--message-days', 'default')).toMatchObject({ messageDays: null, mediaDays: 0 });

    const s3 = inject('s3');
    const withStore = {
      ...env,
      S3_ENDPOINT: s3.endpoint,
      S3_BUCKET: s3.bucket,
      S3_ACCESS_KEY: s3.accessKey,
      S3_SECRET_KEY: s3.secretKey,
    };
    const nothing = { messages: 0, media: 0, objects: 0, orphans: 0, uploads: 0, bytes: 0 };
    const dry = await wagate(['media', 'clean', '--dry-run', '--json'], withStore);
    expect(JSON.parse(dry.stdout)).toEqual({ ...nothing, dryRun: true });
    const done = await wagate(['media', 'clean', '--json'], withStore);
    expect(JSON.parse(done.stdout)).toEqual(nothing);
    expect((await wagate(['media', 'clean'])).stderr).toContain('S3_ENDPOINT');
  });

  it('names every setting that is missing', async () => {
    const { code, stderr } = await wagate(['tenant', 'list'], {});
    expect(code).toBe(1);
    for (const name of ['DATABASE_URL', 'DATABASE_OWNER_URL', 'KEY_PEPPER']) expect(stderr).toContain(name);
  });
});
