import { createHash, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { LARGE_TRANSFER_BYTES, type NodeResponse } from '#contracts';
import { MediaStoreError, type MediaContent, type MediaStore } from '#media-store';
import type { DownloadOrder } from '../driver.js';
import { sha256Of } from './converters/index.js';
import type { RawDownload } from './page/agent-api.js';
import type { PageAgent } from './page-agent.js';
import { TransferGateBusy, type TransferGate } from './transfer-gate.js';

type DownloadOutcome = NodeResponse<'media.download'>;

/** Bytes per call over the debugging protocol, where they travel as base64. */
const CHUNK_BYTES = 1024 * 1024;
const BASE_TIMEOUT_MS = 60_000;
const BYTES_PER_MS = 100;
/** How long a send waits for the large files of others; the api waits for it and for the transfer. */
const SEND_WAIT_MS = 20_000;

/** How long a transfer of this size may take: 60 s and a second for every 100 kB. */
export function transferTimeoutMs(bytes: number): number {
  return BASE_TIMEOUT_MS + Math.ceil(bytes / BYTES_PER_MS);
}

/** A file could not be brought into the page; nothing was sent. `retry`: it may work later. */
export class MediaUnavailable extends Error {
  constructor(
    message: string,
    readonly retry: boolean,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Carries files between the object store and the page, in chunks, one large one at a time. */
export class MediaCourier {
  constructor(
    private readonly store: MediaStore,
    private readonly gate: TransferGate,
    private readonly maxBytes: number,
  ) {}

  /**
   * Brings an object of about `bytes` into the page and hands its transfer to `use`, then drops it there.
   * @throws MediaUnavailable before anything was sent
   * @throws TransferGateBusy before anything was begun
   */
  async lend<T>(
    agent: PageAgent,
    { objectKey, bytes }: { objectKey: string; bytes: number },
    use: (transferId: string, size: number) => Promise<T>,
  ): Promise<T> {
    if (bytes > this.maxBytes) throw tooLarge();
    return this.gate.run(bytes, SEND_WAIT_MS, async () => {
      // Opened only now: a store ends an answer that nobody reads.
      const content = await this.openObject(objectKey);
      const transferId = randomUUID();
      try {
        if (content.size > this.maxBytes) throw tooLarge();
        await this.fill(agent, transferId, content);
        return await use(transferId, content.size);
      } finally {
        content.stream.destroy();
        await dropQuietly(agent, transferId);
      }
    });
  }

  /** Downloads a message's media in the page, checks WhatsApp's hash, and stores it. */
  async fetch(agent: PageAgent, order: DownloadOrder): Promise<DownloadOutcome> {
    const limit = Math.min(order.maxBytes, this.maxBytes);
    const known = await agent.call('mediaSize', [order.waKey]);
    if (known !== null && known > limit) return failure('too_large', false);
    const size = known ?? LARGE_TRANSFER_BYTES;
    const timeoutMs = transferTimeoutMs(size);
    try {
      return await this.gate.run(size, timeoutMs, () => this.fetchNow(agent, order, limit, timeoutMs));
    } catch (error) {
      if (error instanceof TransferGateBusy) return failure('download_failed', true);
      throw error;
    }
  }

  private async fetchNow(
    agent: PageAgent,
    { waKey, objectKey }: DownloadOrder,
    limit: number,
    timeoutMs: number,
  ): Promise<DownloadOutcome> {
    const transferId = randomUUID();
    try {
      const found = await agent.call('download', [transferId, waKey, limit], timeoutMs);
      if (found.outcome !== 'ready') return found;
      return await this.keep(agent, transferId, objectKey, found);
    } finally {
      await dropQuietly(agent, transferId);
    }
  }

  private async openObject(objectKey: string): Promise<MediaContent> {
    try {
      return await this.store.get(objectKey);
    } catch (error) {
      const gone = error instanceof MediaStoreError && error.code === 'not_found';
      throw new MediaUnavailable(gone ? 'the file is not stored' : 'the object store did not answer', !gone, {
        cause: error,
      });
    }
  }

  private async fill(agent: PageAgent, transferId: string, content: MediaContent): Promise<void> {
    try {
      if (content.size === 0) await agent.call('addChunk', [transferId, '']);
      for await (const chunk of chunksOf(content.stream)) {
        await agent.call('addChunk', [transferId, chunk.toString('base64')]);
      }
    } catch (error) {
      throw new MediaUnavailable('the file did not get into the page', true, { cause: error });
    }
  }

  private async keep(
    agent: PageAgent,
    transferId: string,
    objectKey: string,
    found: Extract<RawDownload, { outcome: 'ready' }>,
  ): Promise<DownloadOutcome> {
    const { size, sha256, filehash, mimeType, filename } = found;
    const promised = sha256Of(filehash);
    if (promised !== null && promised !== sha256) return failure('hash_mismatch', true);
    const hash = createHash('sha256');
    try {
      const stream = Readable.from(readAll(agent, transferId, size, hash), { objectMode: false });
      await this.store.put(objectKey, stream, { contentType: mimeType, size });
    } catch (error) {
      return failure(error instanceof MediaStoreError ? 'store_unavailable' : 'download_failed', true);
    }
    if (hash.digest('hex') !== sha256) {
      await this.store.delete(objectKey);
      return failure('hash_mismatch', true);
    }
    return { outcome: 'stored', size, sha256, mimeType, filename };
  }
}

function tooLarge(): MediaUnavailable {
  return new MediaUnavailable('the file is larger than this node sends', false);
}

function failure(
  reason: Extract<DownloadOutcome, { outcome: 'failed' }>['reason'],
  retry: boolean,
): DownloadOutcome {
  return { outcome: 'failed', retry, reason };
}

async function* chunksOf(stream: Readable): AsyncGenerator<Buffer> {
  let pending: Buffer[] = [];
  let bytes = 0;
  for await (const piece of stream as AsyncIterable<Buffer>) {
    pending.push(piece);
    bytes += piece.length;
    if (bytes < CHUNK_BYTES) continue;
    yield Buffer.concat(pending);
    pending = [];
    bytes = 0;
  }
  if (bytes > 0) yield Buffer.concat(pending);
}

async function* readAll(
  agent: PageAgent,
  transferId: string,
  size: number,
  hash: ReturnType<typeof createHash>,
): AsyncGenerator<Buffer> {
  for (let offset = 0; offset < size; offset += CHUNK_BYTES) {
    const chunk = Buffer.from(await agent.call('readChunk', [transferId, offset, CHUNK_BYTES]), 'base64');
    hash.update(chunk);
    yield chunk;
  }
}

/** A page that died holds nothing any more, so failing to drop is no loss. */
async function dropQuietly(agent: PageAgent, transferId: string): Promise<void> {
  await agent.call('dropTransfer', [transferId]).catch(() => undefined);
}
