import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newId } from '#kernel';
import { LoginRecord } from './login-record.js';
import { SessionFolder, TRASH } from './session-folder.js';

const log = pino({ level: 'silent' });

describe('LoginRecord', () => {
  let profiles: string;
  beforeEach(async () => {
    profiles = await mkdtemp(join(tmpdir(), 'wagate-record-'));
  });
  afterEach(() => rm(profiles, { recursive: true, force: true }));

  it('reads again after a read that failed', async () => {
    const folder = new SessionFolder(profiles, newId('ses'));
    const address = { tenantId: newId('tnt'), sessionId: folder.sessionId, epoch: 3 };
    const inTheWay = join(folder.root, 'session.json');
    await mkdir(inTheWay, { recursive: true });
    const record = new LoginRecord(folder, log);
    await expect(record.read()).rejects.toThrow('EISDIR');
    await rm(inTheWay, { recursive: true });
    await folder.writeRecord({ tenantId: address.tenantId, epoch: 3, linked: true });
    expect(await record.read()).toEqual({ tenantId: address.tenantId, epoch: 3, linked: true });
    expect(record.linked).toBe(true);
  });

  it('makes up for a deletion that failed before the next start', async () => {
    const folder = new SessionFolder(profiles, newId('ses'));
    const address = { tenantId: newId('tnt'), sessionId: folder.sessionId, epoch: 1 };
    const record = new LoginRecord(folder, log);
    await folder.create();
    await writeFile(folder.cursor, '{}');
    const inTheWay = join(profiles, TRASH);
    await writeFile(inTheWay, '');
    await expect(record.forget(address, 1_000)).rejects.toThrow('EEXIST');
    await rm(inTheWay);
    await record.prepare(address, 1_000);
    expect(await readdir(folder.root)).toEqual(['session.json']);
  });
});
