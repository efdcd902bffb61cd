import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findProcess, isProcessAlive, type ProcessIdentity } from '#embedded';
import { temporaryFolder, testBrowserPath, waitFor } from '../support/index.js';

const START_DEADLINE_MS = 240_000;

interface Run {
  child: ChildProcess;
  output: () => string;
}

interface Welcome {
  apiUrl: string;
  simulatorUrl: string;
  key: string;
}

function npmStart(folder: string): Run {
  const child = spawn(process.execPath, ['scripts/start.mjs'], {
    env: { ...process.env, NODE_OPTIONS: '', WAGATE_DIR: folder, CHROME_PATH: testBrowserPath() },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  return { child, output: () => output };
}

async function untilWelcome({ child, output }: Run): Promise<Welcome> {
  await waitFor(() => output().includes('The first message') || child.exitCode !== null, {
    what: 'npm start to greet',
    deadlineMs: START_DEADLINE_MS,
  });
  const find = (pattern: RegExp) => {
    const [, found] = pattern.exec(output()) ?? [];
    if (!found) throw new Error(`${String(pattern)} is not in:\n${output()}`);
    return found;
  };
  return {
    apiUrl: find(/API +(http:\S+)/),
    simulatorUrl: find(/Simulator +(http:\S+)/),
    key: find(/Test key +(wg_test_\S+)/),
  };
}

async function statusOf(url: string, key?: string): Promise<number> {
  const answer = await fetch(url, key ? { headers: { authorization: `Bearer ${key}` } } : {});
  await answer.body?.cancel();
  return answer.status;
}

/** All processes of a run: the launcher, its parts and Postgres. */
async function processesOf(folder: string): Promise<ProcessIdentity[]> {
  const { launcher, parts } = JSON.parse(await readFile(join(folder, 'run.json'), 'utf8')) as {
    launcher: ProcessIdentity;
    parts: Record<string, ProcessIdentity>;
  };
  const [pid] = (await readFile(join(folder, 'postgres', 'cluster', 'postmaster.pid'), 'utf8')).split('\n');
  const postgres = findProcess(Number(pid));
  if (!postgres) throw new Error('Postgres is not running');
  return [launcher, ...Object.values(parts), postgres];
}

async function untilGone(processes: ProcessIdentity[]): Promise<void> {
  await waitFor(() => processes.every((one) => !isProcessAlive(one)), { what: 'all processes to be gone' });
}

describe('npm start', () => {
  let folder: string;
  let run: Run | undefined;

  beforeAll(async () => {
    folder = await temporaryFolder('wagate-start-');
  });

  afterAll(async () => {
    if (run?.child.exitCode === null && run.child.signalCode === null) {
      const ended = once(run.child, 'exit');
      run.child.kill('SIGTERM');
      await ended;
    }
    await rm(folder, { recursive: true, force: true });
  });

  it('is ready with a key, recovers from kill -9 of everything, and leaves nothing at Ctrl-C', async () => {
    run = npmStart(folder);
    const first = await untilWelcome(run);
    expect(await statusOf(`${first.apiUrl}/sessions`, first.key)).toBe(200);
    expect(await statusOf(new URL('/docs', first.apiUrl).href)).toBe(200);
    expect(await statusOf(`${first.simulatorUrl}/`)).toBe(200);

    const again = npmStart(folder);
    const [code] = (await once(again.child, 'exit')) as [number];
    expect(code).toBe(1);
    expect(again.output()).toContain(`already running in this folder (process ${run.child.pid}`);

    const victims = await processesOf(folder);
    expect(victims).toHaveLength(6);
    for (const { pid } of victims) process.kill(pid, 'SIGKILL');
    await untilGone(victims);

    run = npmStart(folder);
    const second = await untilWelcome(run);
    expect(second.key).toBe(first.key);
    expect(await statusOf(`${second.apiUrl}/sessions`, second.key)).toBe(200);

    const processes = await processesOf(folder);
    run.child.kill('SIGKILL');
    await waitFor(() => run?.child.signalCode === 'SIGKILL', { what: 'the launcher to be dead' });
    run = npmStart(folder);
    const third = await untilWelcome(run);
    expect(run.output()).toContain('ending what an earlier start left behind');
    expect(third).toEqual(second);
    await untilGone(processes);

    const last = await processesOf(folder);
    const ended = once(run.child, 'exit');
    run.child.kill('SIGINT');
    expect(await ended).toEqual([0, null]);
    expect(last.filter((one) => isProcessAlive(one))).toEqual([]);
  }, 600_000);
});
