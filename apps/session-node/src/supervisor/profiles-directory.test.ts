import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ProfilesDirectory } from './profiles-directory.js';

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
    await profiles.take(1_000);
    expect(JSON.parse(await readFile(ownerFile, 'utf8'))).toMatchObject({ pid: process.pid });
    await profiles.release();
    await expect(access(ownerFile)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('is not given up by a process that only has the same number', async () => {
    const profiles = new ProfilesDirectory(path);
    await profiles.take(1_000);
    const other = JSON.stringify({ pid: process.pid, startTime: 'another', bootId: 'another' });
    await writeFile(ownerFile, other);
    await profiles.release();
    expect(await readFile(ownerFile, 'utf8')).toBe(other);
  });
});
