import { spawn, type ChildProcess } from 'node:child_process';
import { access, lstat, mkdtemp, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newId } from '#kernel';
import { waitFor } from '../../../../test/support/index.js';
import { findTree, isAlive, recordOf, selectTree } from './browser-tree.js';
import type { ProcessEntry } from './process-table.js';
import { ProfilesDirectory } from './profiles-directory.js';

function entry(pid: number, parentPid: number, groupId: number, ...args: string[]): ProcessEntry {
  return { pid, parentPid, groupId, startTime: `start-${pid}`, args };
}

/** Not a browser, but a process tree with a browser's command line: a leader and its child. */
function startImpostor(profile: string): ChildProcess {
  const script = "require('child_process').spawn('sleep', ['600']); setInterval(() => {}, 1000)";
  return spawn(process.execPath, ['-e', script, '--', `--user-data-dir=${profile}`], {
    detached: true,
    stdio: 'ignore',
  });
}

function unexpected(): never {
  throw new Error('the folder was lost');
}

describe('selectTree', () => {
  const table = [
    entry(10, 1, 10, 'chromium', '--user-data-dir=/p/ses_a/session-ses_a', 'about:blank'),
    entry(11, 10, 10, 'chromium --type=zygote'),
    entry(12, 11, 10, 'chromium --type=renderer'),
    entry(13, 12, 13, 'a child in another group'),
    entry(20, 1, 20, 'chromium', '--user-data-dir=/p/ses_a/session-ses_ab'),
    entry(21, 20, 20, 'chromium --type=renderer'),
    entry(30, 1, 30, 'editor', '/p/ses_a/session-ses_a'),
  ];
  const pids = (tree: ProcessEntry[]): number[] => tree.map(({ pid }) => pid).sort((a, b) => a - b);

  it('takes the whole tree of exactly this profile', () => {
    expect(pids(selectTree(table, '/p/ses_a/session-ses_a'))).toEqual([10, 11, 12, 13]);
    expect(pids(selectTree(table, '/p/ses_a/session-ses'))).toEqual([]);
  });

  it('finds what is left of a group whose leader died, but no stranger with a reused number', () => {
    const rest = table.filter(({ pid }) => pid !== 10);
    const record = { pid: 10, startTime: 'start-10', bootId: 'boot' };
    expect(pids(selectTree(rest, '/p/ses_a/session-ses_a', record))).toEqual([11, 12, 13]);
    const reused = [...rest.filter(({ groupId }) => groupId !== 10), entry(10, 1, 10, 'a stranger')];
    expect(selectTree(reused, '/p/ses_a/session-ses_a', { ...record, startTime: 'earlier' })).toEqual([]);
  });
});

describe('ProfilesDirectory', () => {
  let path: string;
  const children: ChildProcess[] = [];
  const isGone = (child: ChildProcess): boolean => child.signalCode !== null || child.exitCode !== null;

  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'wagate-profiles-'));
  });
  afterEach(async () => {
    for (const child of children.splice(0)) if (!isGone(child)) child.kill('SIGKILL');
    await rm(path, { recursive: true, force: true });
  });

  async function startOrphan(profile: string): Promise<ChildProcess> {
    const child = startImpostor(profile);
    children.push(child);
    await waitFor(async () => (await findTree(profile)).length === 2, { what: 'the tree to be there' });
    return child;
  }

  it('kills at boot what a dead node left on its profiles, and nothing else', async () => {
    const folder = new ProfilesDirectory(path).folderOf(newId('ses'));
    const orphan = await startOrphan(folder.profile);
    const elsewhere = join(tmpdir(), `other-${newId('ses')}`);
    const stranger = await startOrphan(elsewhere);
    const profiles = new ProfilesDirectory(path);
    expect(await profiles.take(10_000, unexpected)).toBe(2);
    await waitFor(() => isGone(orphan), { what: 'the orphan to be gone' });
    expect(isGone(stranger)).toBe(false);
    expect(await findTree(elsewhere)).toHaveLength(2);
    process.kill(-(stranger.pid ?? 0), 'SIGKILL');
    await profiles.release();
  });

  it('is refused to a second node while the first lives', async () => {
    const holder = startImpostor(join(path, 'nothing'));
    children.push(holder);
    const record = await waitFor(() => recordOf(join(path, 'nothing')), { what: 'the holder' });
    const pidNamespace = process.platform === 'linux' ? await readlink('/proc/self/ns/pid') : '';
    await writeFile(join(path, 'node.json'), JSON.stringify({ ...record, pidNamespace }));
    await expect(new ProfilesDirectory(path).take(1_000, unexpected)).rejects.toMatchObject({
      code: 'invalid_state',
    });
    process.kill(-record.pid, 'SIGKILL');
    await waitFor(async () => !(await isAlive(record)), { what: 'the holder to be gone' });
    const profiles = new ProfilesDirectory(path);
    await profiles.take(1_000, unexpected);
    await profiles.release();
  });

  it('frees a profile of stale locks and holders before a start', async () => {
    const folder = new ProfilesDirectory(path).folderOf(newId('ses'));
    await folder.create();
    await symlink('otherhost-1', join(folder.profile, 'SingletonLock'));
    const holder = await startOrphan(folder.profile);
    await folder.claim(10_000);
    await waitFor(() => isGone(holder), { what: 'the holder to be gone' });
    await expect(lstat(join(folder.profile, 'SingletonLock'))).rejects.toMatchObject({ code: 'ENOENT' });
    expect((await lstat(folder.root)).mode & 0o777).toBe(0o700);
  });

  it('deletes a profile only when no process holds it', async () => {
    const folder = new ProfilesDirectory(path).folderOf(newId('ses'));
    await folder.create();
    const holder = await startOrphan(folder.profile);
    await expect(folder.remove()).rejects.toMatchObject({ code: 'internal' });
    await access(folder.profile);
    await folder.killBrowser(10_000);
    await waitFor(() => isGone(holder), { what: 'the holder to be gone' });
    await folder.remove();
    await expect(access(folder.root)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it.each([
    '',
    '../x',
    'ses_a/b',
    'ses_',
    'SES_01m8c0zn3da14vmj6889y23r4h',
    'ses_01m8c0zn3da14vmj6889y23r4h\n',
  ])('makes no folder for %j, which is no session id', (id) => {
    expect(() => new ProfilesDirectory(path).folderOf(id)).toThrow(/sessionId/);
  });
});
