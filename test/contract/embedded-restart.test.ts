import { spawn, type ChildProcess } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Client } from 'minio';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findProcess, isProcessAlive, type ProcessIdentity } from '#embedded';
import { temporaryFolder, waitFor } from '../support/index.js';

/** Starts both and says where they are; then waits to be killed. */
const PROGRAM = `
  import { startObjectStore, startPostgres } from './dist/libs/embedded/src/index.js';
  const [folder] = process.argv.slice(1);
  const postgres = await startPostgres({ dataDir: folder + '/postgres', database: 'wagate' });
  const keys = { accessKey: 'access', secretKey: 'a secret of the test' };
  const store = await startObjectStore({ dataDir: folder + '/objects', ...keys, buckets: ['media'] });
  process.on('SIGTERM', async () => {
    await store.stop();
    await postgres.stop();
    process.exit(0);
  });
  console.log(JSON.stringify({ url: postgres.url, postgresPid: postgres.pid, s3Port: store.port }));
`;

interface Started {
  url: string;
  postgresPid: number;
  s3Port: number;
  child: ChildProcess;
  postgres: ProcessIdentity;
}

async function start(folder: string): Promise<Started> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const facts = JSON.parse(line) as Omit<Started, 'child' | 'postgres'>;
  const postgres = findProcess(facts.postgresPid);
  if (!postgres) throw new Error('Postgres is not running');
  return { ...facts, child, postgres };
}

async function query<T extends pg.QueryResultRow>(
  url: string,
  sql: string,
  values: unknown[] = [],
): Promise<T[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<T>(sql, values)).rows;
  } finally {
    await client.end();
  }
}

function s3(port: number): Client {
  const keys = { accessKey: 'access', secretKey: 'a secret of the test' };
  return new Client({ endPoint: '127.0.0.1', port, useSSL: false, region: 'us-east-1', ...keys });
}

async function hashOf(port: number, key: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of await s3(port).getObject('media', key)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

describe('the embedded servers', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await temporaryFolder('wagate-restart-');
  });

  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it.each(['the starter alone', 'everything'])(
    'lose nothing that was confirmed when %s is killed',
    async (victim) => {
      const dataDir = join(folder, victim.replaceAll(' ', '-'));
      const first = await start(dataDir);
      const body = randomBytes(3_000_000);
      await query(first.url, 'CREATE TABLE notes (body text)');
      for (let count = 0; count < 50; count += 1)
        await query(first.url, 'INSERT INTO notes VALUES ($1)', [`n${count}`]);
      await s3(first.s3Port).putObject('media', 'kept', body);
      const half = await s3(first.s3Port).initiateNewMultipartUpload('media', 'half', {});

      const exited = once(first.child, 'exit');
      first.child.kill('SIGKILL');
      if (victim === 'everything') process.kill(-first.postgresPid, 'SIGKILL');
      await exited;
      if (victim === 'everything') {
        await waitFor(() => !isProcessAlive(first.postgres), { what: 'Postgres to be dead' });
      }

      const second = await start(dataDir);
      await waitFor(() => !isProcessAlive(first.postgres), { what: 'the left-over Postgres to be gone' });
      const [row] = await query<{ count: string }>(second.url, 'SELECT count(*) FROM notes');
      expect(row?.count).toBe('50');
      expect(await hashOf(second.s3Port, 'kept')).toBe(createHash('sha256').update(body).digest('hex'));
      await expect(s3(second.s3Port).statObject('media', 'half')).rejects.toMatchObject({ code: 'NotFound' });
      await s3(second.s3Port).abortMultipartUpload('media', 'half', half);

      const ended = once(second.child, 'exit');
      second.child.kill('SIGTERM');
      await ended;
      expect(isProcessAlive(second.postgres)).toBe(false);
    },
  );
});
