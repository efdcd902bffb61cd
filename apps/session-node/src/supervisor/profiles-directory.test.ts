import { access, mkdtemp, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { waitFor } from '../../../../test/support/index.js';
import { ProfilesDirectory } from './profiles-directory.js';

/** As a node sees it that runs in another container: its process ids are not ours. */
const ELSEWHERE = {
  pid: process.pid,
  startTime: '1',
  bootId: 'another',
  pidNamespace: 'another',
  holder: 'it',
};
const TIMES = { renewMs: 20, lastsMs: 1_000 };

function unexpected(): never {
  throw new Error('the folder was lost');
}

describe('ProfilesDirectory', () => {
  let path: string;
  let ownerFile: string;
  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'wagate-profiles-'));
    ownerFile = join(path, 'node.json');
  });
  afterEach(() => rm(path, { recursive: true, force: true }));

  it('is given up by the process that took it', async () => {
    const profiles = new ProfilesDirectory(path);
    await profiles.take(1_000, unexpected);
    expect(JSON.parse(await readFile(ownerFile, 'utf8'))).toMatchObject({ pid: process.pid });
    await profiles.release();
    await expect(access(ownerFile)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('is not given up by a process that only has the same number', async () => {
    const profiles = new ProfilesDirectory(path);
    await profiles.take(1_000, unexpected);
    const other = JSON.stringify({ pid: process.pid, startTime: 'another', bootId: 'another' });
    await writeFile(ownerFile, other);
    await profiles.release();
    expect(await readFile(ownerFile, 'utf8')).toBe(other);
  });

  it('is not taken from a node elsewhere that gives signs of life', async () => {
    await writeFile(ownerFile, JSON.stringify(ELSEWHERE));
    let beats = 0;
    const alive = setInterval(() => void utimes(ownerFile, (beats += 1), beats), 20);
    const taken = new ProfilesDirectory(path, TIMES).take(1_000, unexpected);
    await expect(taken.finally(() => clearInterval(alive))).rejects.toMatchObject({ code: 'invalid_state' });
    expect(JSON.parse(await readFile(ownerFile, 'utf8'))).toEqual(ELSEWHERE);
  });

  it('is taken from a node elsewhere that gives none', async () => {
    await writeFile(ownerFile, JSON.stringify(ELSEWHERE));
    const profiles = new ProfilesDirectory(path, TIMES);
    await profiles.take(1_000, unexpected);
    expect(JSON.parse(await readFile(ownerFile, 'utf8'))).toMatchObject({ pid: process.pid });
    await profiles.release();
  });

  it('tells its owner once when another node took it', async () => {
    const profiles = new ProfilesDirectory(path, TIMES);
    const lost = new Promise<void>((resolve) => void profiles.take(1_000, resolve));
    await waitFor(() => access(ownerFile).then(() => true), { what: 'the folder to be taken' });
    await writeFile(ownerFile, JSON.stringify(ELSEWHERE));
    await lost;
    await profiles.release();
    expect(JSON.parse(await readFile(ownerFile, 'utf8'))).toEqual(ELSEWHERE);
  });

  it('gives signs of life for as long as it is held', async () => {
    const profiles = new ProfilesDirectory(path, TIMES);
    await profiles.take(1_000, unexpected);
    await utimes(ownerFile, 1, 1);
    await waitFor(async () => (await stat(ownerFile)).mtimeMs > 1_000, { what: 'a sign of life' });
    await profiles.release();
  });
});
