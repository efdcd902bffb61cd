import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FreshDatabase } from '#embedded';
import { appUrlOf } from '../../../test/support/app-url.js';
import { freePort } from '../../../test/support/free-port.js';
import { freshDatabase, waitFor } from '../../../test/support/index.js';

const PROGRAM = fileURLToPath(new URL('../../../dist/apps/api/src/main.js', import.meta.url));

let own: FreshDatabase;
let env: Record<string, string>;
let port: number;

beforeAll(async () => {
  own = await freshDatabase();
  port = await freePort();
  env = {
    HOST: '127.0.0.1',
    PORT: String(port),
    DATABASE_URL: appUrlOf(own.url),
    DATABASE_OWNER_URL: own.url,
    S3_ENDPOINT: 'http://127.0.0.1:9',
    S3_BUCKET: 'media',
    S3_ACCESS_KEY: 'wagate',
    S3_SECRET_KEY: 'wagate',
    INTERNAL_SECRET: randomBytes(32).toString('hex'),
    KEY_PEPPER: randomBytes(32).toString('hex'),
    ENCRYPTION_KEY: randomBytes(32).toString('hex'),
  };
});

afterAll(() => own?.drop());

function start(settings: Record<string, string>): { child: ChildProcess; output: () => string } {
  const child = spawn(process.execPath, [PROGRAM], { env: { PATH: process.env.PATH ?? '', ...settings } });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return { child, output: () => text };
}

describe('the api process', { timeout: 240_000 }, () => {
  it('migrates an empty database, listens, and on SIGTERM answers what is running before it ends', async () => {
    const { child, output } = start(env);
    const exited = once(child, 'exit') as Promise<[number | null]>;
    try {
      const base = `http://127.0.0.1:${port}`;
      const ready = waitFor(async () => (await fetch(`${base}/health/ready`)).ok, {
        what: 'the api to be ready',
      });
      await Promise.race([ready, exited.then(() => Promise.reject(new Error(`it ended:\n${output()}`)))]);
      const owner = new pg.Client(own.url);
      await owner.connect();
      await owner.query('BEGIN; LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE');
      const { generateApiKey } = await import('../src/auth/index.js');
      const running = fetch(`${base}/api/v1/limits`, {
        headers: { 'x-api-key': generateApiKey('test').key },
      });
      const blocked = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
      await waitFor(async () => (await owner.query(blocked)).rowCount, {
        what: 'the request to wait in the database',
      });
      const late = connect(port, '127.0.0.1');
      let answer = '';
      late.on('error', () => undefined).on('data', (chunk: Buffer) => (answer += chunk.toString()));
      await new Promise((resolve) => late.write('GET /api/v1/limits HTTP/1.1\r\n', resolve));
      child.kill('SIGTERM');
      await waitFor(
        () =>
          fetch(`${base}/health/live`).then(
            () => false,
            () => true,
          ),
        { what: 'new connections to be refused' },
      );
      late.write('Host: x\r\n\r\n');
      await waitFor(() => answer.endsWith('}'), { what: 'the refusal of what comes too late' });
      expect(answer).toMatch(/^HTTP\/1\.1 503 [^]*\r\ncontent-type: application\/problem\+json/i);
      expect(answer).toMatch(/"code":"service_unavailable"[^]*"outcome":"not_sent"/);
      await owner.query('COMMIT');
      await owner.end();
      expect((await running).status).toBe(401);
      const [code] = await exited;
      expect(code, output()).toBe(0);
    } finally {
      child.kill('SIGKILL');
    }
    expect(child.exitCode).toBe(0);
  });

  it.each([
    ['a short secret', { INTERNAL_SECRET: 'short' }, 'INTERNAL_SECRET: must be at least 32 bytes'],
    [
      'a placeholder',
      { KEY_PEPPER: 'change-me-change-me-change-me-change-me' },
      'KEY_PEPPER: must be a random value',
    ],
    ['no database', { DATABASE_URL: '' }, 'DATABASE_URL: is required'],
    ['another kind of URL', { S3_ENDPOINT: 'ftp://x' }, 'S3_ENDPOINT: must be an http or https URL'],
  ])('does not start with %s, and says why', async (_name, change, says) => {
    const { child, output } = start({ ...env, ...change });
    const [code] = (await once(child, 'close')) as [number | null];
    expect(code).toBe(1);
    expect(output()).toContain(says);
  });
});
