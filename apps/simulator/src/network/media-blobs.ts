import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { WireMedia } from '../wire.js';

/** The media servers: bytes by path, in memory, or in a folder when the network has a state file. */
export class MediaBlobs {
  private readonly inMemory = new Map<string, Buffer>();

  constructor(private readonly directory: string | undefined) {
    if (directory !== undefined) mkdirSync(directory, { recursive: true });
  }

  put(bytes: Buffer): { media: Omit<WireMedia, 'mimetype' | 'filename'>; sha256: string } {
    const digest = createHash('sha256').update(bytes).digest();
    const sha256 = digest.toString('hex');
    if (this.directory === undefined) this.inMemory.set(sha256, bytes);
    else writeFileSync(join(this.directory, sha256), bytes, { mode: 0o600 });
    return {
      sha256,
      media: {
        directPath: `/v/t62.7118-24/${sha256}`,
        mediaKey: randomBytes(32).toString('base64'),
        mediaKeyTimestamp: Math.floor(Date.now() / 1000),
        filehash: digest.toString('base64'),
        encFilehash: createHash('sha256').update(digest).digest('base64'),
        size: bytes.length,
      },
    };
  }

  /** The bytes behind a direct path, or undefined when the media servers no longer have them. */
  find(directPath: string): Buffer | undefined {
    const sha256 = /^\/v\/t62\.7118-24\/([0-9a-f]{64})$/.exec(directPath)?.[1];
    if (sha256 === undefined) return undefined;
    if (this.directory === undefined) return this.inMemory.get(sha256);
    try {
      return readFileSync(join(this.directory, sha256));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }
}
