import { open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** LevelDB's log format: github.com/google/leveldb/blob/main/doc/log_format.md. */
const BLOCK_BYTES = 32_768;
/** Checksum (4), length (2, little-endian), type (1). */
const HEADER_BYTES = 7;
const FULL = 1;
const LAST = 4;

/** In every folder of a LevelDB. */
const MARK = 'CURRENT';
const LOG = /^(?:\d+\.log|MANIFEST-\d+)$/;

/**
 * Cuts off, in all databases of a profile that no browser holds, the record that a killed browser was writing. LevelDB
 * itself takes it for the end of the log; but Chromium goes on writing behind it ("Reusing old log"), and at the start
 * after that all of the block behind the torn record is dropped as corrupt: what the page was told meanwhile, and its
 * login. Resolves with the bytes that were cut off.
 */
export async function cutTornRecords(profile: string): Promise<number> {
  let cut = 0;
  const entries = await readdir(profile, { recursive: true, withFileTypes: true });
  const folders = new Set(entries.filter(({ name }) => name === MARK).map(({ parentPath }) => parentPath));
  for (const { name, parentPath } of entries) {
    if (folders.has(parentPath) && LOG.test(name)) cut += await cutTornRecord(join(parentPath, name));
  }
  return cut;
}

async function cutTornRecord(path: string): Promise<number> {
  const log = await readFile(path);
  const end = endOfRecords(log);
  if (end === log.length) return 0;
  const file = await open(path, 'r+');
  try {
    await file.truncate(end);
    await file.datasync();
  } finally {
    await file.close();
  }
  return log.length - end;
}

/** Where a log's last whole record ends; its length, when no record is torn or it is not a log as one knows it. */
export function endOfRecords(log: Buffer): number {
  let end = 0;
  for (let at = 0; at < log.length;) {
    const left = BLOCK_BYTES - (at % BLOCK_BYTES);
    if (left < HEADER_BYTES) {
      // The rest of a block that has no room for a header.
      if (end === at) end = Math.min(at + left, log.length);
      at += left;
      continue;
    }
    if (at + HEADER_BYTES > log.length) return end;
    const length = log.readUInt16LE(at + 4);
    const type = log.readUInt8(at + 6);
    if (type < FULL || type > LAST || HEADER_BYTES + length > left) return log.length;
    at += HEADER_BYTES + length;
    if (at > log.length) return end;
    if (type === FULL || type === LAST) end = at;
  }
  return end;
}
