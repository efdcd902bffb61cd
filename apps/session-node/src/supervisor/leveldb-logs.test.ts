import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cutTornRecords, endOfRecords } from './leveldb-logs.js';

const BLOCK = 32_768;
const [FULL, FIRST, MIDDLE, LAST] = [1, 2, 3, 4] as const;

function record(type: number, payload: number): Buffer {
  const bytes = Buffer.alloc(7 + payload, 0xab);
  bytes.writeUInt16LE(payload, 4);
  bytes.writeUInt8(type, 6);
  return bytes;
}

/** A record as LevelDB writes it: in pieces, where it does not fit into its block. */
function written(log: Buffer, payload: number): Buffer {
  let out = log;
  for (let left = payload, isFirst = true; isFirst || left > 0; isFirst = false) {
    const room = BLOCK - (out.length % BLOCK);
    if (room < 7) out = Buffer.concat([out, Buffer.alloc(room)]);
    const piece = Math.min(left, BLOCK - (out.length % BLOCK) - 7);
    const isLast = piece === left;
    const type = isFirst ? (isLast ? FULL : FIRST) : isLast ? LAST : MIDDLE;
    out = Buffer.concat([out, record(type, piece)]);
    left -= piece;
  }
  return out;
}

describe('a log of LevelDB', () => {
  const whole = [0, 10, 32_700, 40, 100_000, 32_761, 5].reduce<Buffer[]>(
    (logs, payload) => [...logs, written(logs.at(-1) ?? Buffer.alloc(0), payload)],
    [Buffer.alloc(0)],
  );
  const longest = whole.at(-1) ?? Buffer.alloc(0);

  it('stays as it is when its last record is whole', () => {
    for (const log of whole) expect(endOfRecords(log)).toBe(log.length);
    const nearlyFull = written(Buffer.alloc(0), BLOCK - 7 - 3);
    expect(endOfRecords(nearlyFull)).toBe(nearlyFull.length);
    const padded = Buffer.concat([nearlyFull, Buffer.alloc(3)]);
    expect(endOfRecords(padded)).toBe(padded.length);
  });

  it('ends behind its last whole record, wherever the writing of the next one broke off', () => {
    const ends = whole.map(({ length }) => length);
    for (let cut = 1; cut < longest.length; cut += cut % 97 === 0 ? 1_009 : 1) {
      const end = endOfRecords(longest.subarray(0, cut));
      const before = Math.max(...ends.filter((one) => one <= cut));
      // Padding at the end of a block belongs to no record.
      expect(end - before, `of ${String(cut)} bytes`).toBeLessThan(7);
      expect(end).toBeGreaterThanOrEqual(before);
    }
  });

  it('is left alone when it is not as one knows it', () => {
    const zeros = Buffer.concat([written(Buffer.alloc(0), 10), Buffer.alloc(100)]);
    expect(endOfRecords(zeros)).toBe(zeros.length);
    const beyond = Buffer.concat([Buffer.alloc(7), Buffer.alloc(50)]);
    beyond.writeUInt16LE(BLOCK, 4);
    beyond.writeUInt8(FULL, 6);
    expect(endOfRecords(beyond)).toBe(beyond.length);
  });
});

describe('a profile', () => {
  let profile: string;
  beforeEach(async () => (profile = await mkdtemp(join(tmpdir(), 'wagate-leveldb-'))));
  afterEach(() => rm(profile, { recursive: true, force: true }));

  it('has the torn records of its databases cut off, and nothing else touched', async () => {
    const database = join(profile, 'Default', 'IndexedDB', 'https_x.indexeddb.leveldb');
    await mkdir(database, { recursive: true });
    const log = written(Buffer.alloc(0), 100);
    const torn = Buffer.concat([log, record(FULL, 50).subarray(0, 20)]);
    await writeFile(join(database, 'CURRENT'), 'MANIFEST-000001\n');
    await writeFile(join(database, '000003.log'), torn);
    await writeFile(join(database, 'MANIFEST-000001'), torn);
    await writeFile(join(database, '000005.ldb'), torn);
    await writeFile(join(profile, '000003.log'), torn);

    expect(await cutTornRecords(profile)).toBe(40);
    expect(await readFile(join(database, '000003.log'))).toEqual(log);
    expect(await readFile(join(database, 'MANIFEST-000001'))).toEqual(log);
    expect(await readFile(join(database, '000005.ldb'))).toEqual(torn);
    expect(await readFile(join(profile, '000003.log'))).toEqual(torn);
    expect(await cutTornRecords(profile)).toBe(0);
  });
});
