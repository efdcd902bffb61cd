import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { findProcess, isProcessAlive } from '#embedded';
import { waitFor } from '../../test/support/index.js';
import { choosePort } from './choose-port.js';
import { loadSecrets, saveSecrets } from './kept-secrets.js';
import { Part } from './part.js';
import { AlreadyRunningError, RunRecord } from './run-record.js';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wagate-launcher-'));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('loadSecrets', () => {
  it('makes them once, for nobody else to read, and keeps them', async () => {
    const file = join(folder, 'secrets.json');
    const first = await loadSecrets(file);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    await saveSecrets(file, { ...first, testKey: 'wg_test_x' });
    expect(await loadSecrets(file)).toEqual({ ...first, testKey: 'wg_test_x' });
    expect(Buffer.byteLength(first.internalSecret)).toBeGreaterThanOrEqual(32);
    expect(first.internalSecret).not.toBe(first.keyPepper);
  });
});

describe('choosePort', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it('passes over a taken default and refuses a taken wish', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const wish = { part: 'api', host: '127.0.0.1', variable: 'TEST_WISHED_PORT', defaultPort: port };
    expect(await choosePort(wish)).toBeGreaterThan(port);
    vi.stubEnv('TEST_WISHED_PORT', String(port));
    await expect(choosePort(wish)).rejects.toThrow(`port ${port} (TEST_WISHED_PORT, for the api) is taken`);
    vi.stubEnv('TEST_WISHED_PORT', 'abc');
    await expect(choosePort(wish)).rejects.toThrow('TEST_WISHED_PORT is not a port: abc');
    taken.close();
  });
});

describe('RunRecord', () => {
  it('lets one launcher in, and says who is there', async () => {
    const file = join(folder, 'run-one.json');
    const record = await RunRecord.claim(file);
    await record.setUrl('http://127.0.0.1:3000');
    await expect(RunRecord.claim(file)).rejects.toThrow(AlreadyRunningError);
    await expect(RunRecord.claim(file)).rejects.toThrow(`process ${process.pid}, http://127.0.0.1:3000`);
    await record.release();
    await (await RunRecord.claim(file)).release();
  });

  it('ends the parts of a launcher that is gone, and no process that only has a number of theirs', async () => {
    const file = join(folder, 'run-left-over.json');
    const idle = ['-e', 'setInterval(() => {}, 1000)'];
    const [leftOver, stranger] = [spawn(process.execPath, idle), spawn(process.execPath, idle)];
    const identity = findProcess(leftOver.pid ?? 0);
    const strangerIdentity = findProcess(stranger.pid ?? 0);
    if (!identity || !strangerIdentity) throw new Error('the processes did not start');
    const parts = { api: identity, node: { ...strangerIdentity, startedAt: '1' } };
    await writeFile(file, JSON.stringify({ launcher: { pid: process.pid, startedAt: '1' }, parts }));
    const record = await RunRecord.claim(file);
    expect(isProcessAlive(identity)).toBe(false);
    expect(isProcessAlive(strangerIdentity)).toBe(true);
    stranger.kill('SIGKILL');
    await record.release();
  });
});

describe('Part', () => {
  const server = `
    require('http').createServer((_, answer) => answer.end()).listen(process.env.TEST_PORT, '127.0.0.1');
    console.log('up ' + process.pid);
  `;

  async function makePart(program: string) {
    const port = await choosePort({ part: 'test', host: '127.0.0.1', variable: 'NONE', defaultPort: 20_000 });
    const path = join(folder, `part-${port}.cjs`);
    await writeFile(path, program);
    const lines: string[] = [];
    const pids: number[] = [];
    const part = new Part(
      {
        name: 'test',
        program: path,
        env: { TEST_PORT: String(port) },
        healthUrl: `http://127.0.0.1:${port}/`,
      },
      { root: folder, write: (line) => lines.push(line), started: async (pid) => void pids.push(pid) },
    );
    return { part, lines, pids, port };
  }

  it('is healthy once started, comes back when killed, and is gone when stopped', async () => {
    const { part, lines, pids, port } = await makePart(server);
    await part.start();
    expect(lines).toContain(`up ${pids[0]}`);
    process.kill(pids[0] ?? 0, 'SIGKILL');
    await waitFor(() => lines.includes(`up ${pids[1]}`), { what: 'the part to come back' });
    await waitFor(async () => (await fetch(`http://127.0.0.1:${port}/`)).ok, { what: 'the part to answer' });
    await part.stop();
    expect(pids).toHaveLength(2);
    expect(pids.map((pid) => findProcess(pid))).toEqual([undefined, undefined]);
  });

  it('that ends at its start is an error with its last lines', async () => {
    const { part } = await makePart(`console.error('PORT is not valid'); process.exit(1)`);
    await expect(part.start()).rejects.toThrow(/the test ended while starting:\nPORT is not valid/);
    await part.stop();
  });
});
