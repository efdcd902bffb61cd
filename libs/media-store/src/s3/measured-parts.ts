import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { DeadlineError, withDeadline } from '#kernel';
import { MediaStoreError, type PutOptions, type StoredMedia } from '../media-store.js';

/** A source that gives nothing for this long is given up. */
const STALL_TIMEOUT_MS = 60_000;

export interface Part {
  bytes: Buffer;
  isLast: boolean;
}

/** Cuts a stream into parts of one size (the last may be smaller), counting and hashing as it goes. */
export class MeasuredParts {
  private readonly hash = createHash('sha256');
  private size = 0;

  constructor(
    private readonly stream: Readable,
    private readonly options: PutOptions,
    private readonly partBytes: number,
  ) {}

  /** What went through; to be asked at the end. */
  result(): StoredMedia {
    return { size: this.size, sha256: this.hash.digest('hex') };
  }

  /**
   * Yields at least one part, an empty one for an empty stream. Holds about two parts in memory. The stream is destroyed
   * at its end, when it fails, and when the reader returns early.
   */
  async *parts(): AsyncGenerator<Part> {
    let pending: Buffer[] = [];
    let pendingBytes = 0;
    for await (const chunk of this.chunks()) {
      pending.push(chunk);
      pendingBytes += chunk.length;
      while (pendingBytes > this.partBytes) {
        const joined = Buffer.concat(pending, pendingBytes);
        // Copied, so that what is left does not hold on to the part.
        pending = [Buffer.from(joined.subarray(this.partBytes))];
        pendingBytes -= this.partBytes;
        yield { bytes: joined.subarray(0, this.partBytes), isLast: false };
      }
    }
    yield { bytes: Buffer.concat(pending, pendingBytes), isLast: true };
  }

  private async *chunks(): AsyncGenerator<Buffer> {
    this.assertAllowed(this.options.size ?? 0);
    const source = this.stream[Symbol.asyncIterator]() as AsyncIterator<Buffer | string>;
    try {
      for (;;) {
        const next = await withDeadline(source.next(), STALL_TIMEOUT_MS, 'reading the media');
        if (next.done) break;
        const chunk = Buffer.isBuffer(next.value) ? next.value : Buffer.from(next.value);
        this.size += chunk.length;
        this.assertAllowed(this.size);
        this.hash.update(chunk);
        yield chunk;
      }
    } catch (error) {
      if (!(error instanceof DeadlineError)) throw error;
      throw new MediaStoreError('incomplete', 'the media stopped coming', { cause: error });
    } finally {
      this.stream.destroy();
    }
    const { size } = this.options;
    if (size !== undefined && this.size < size) {
      throw new MediaStoreError('incomplete', `${this.size} of ${size} bytes came`);
    }
  }

  private assertAllowed(bytes: number): void {
    const { maxBytes = Infinity, size = Infinity } = this.options;
    const limit = Math.min(maxBytes, size);
    if (bytes > limit) throw new MediaStoreError('too_large', `the media is larger than ${limit} bytes`);
  }
}
