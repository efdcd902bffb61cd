import { Inject, Injectable } from '@nestjs/common';
import { PassThrough, pipeline, type Readable } from 'node:stream';
import type { Logger } from 'pino';
import { AppError, isAppError, newId } from '#kernel';
import { MediaStore, MediaStoreError } from '#media-store';
import { API_CONFIG, type ApiConfig } from '../config.js';
import { LOGGER } from '../http/index.js';
import { kindOfMimeType, largestOf, largestOfAll, type MediaKind } from './media-kind.js';
import { MediaRepository, type NewMedia } from './media-repository.js';
import { detectMimeType, HEAD_BYTES, type TypeHints } from './media-type.js';
import type { MediaRecord } from './stored-media.js';
import { UploadBudget } from './upload-budget.js';

export interface IncomingFile extends TypeHints {
  source: 'upload' | 'url';
  /** What it will be sent as, when that is known already; decides the largest size. */
  kind?: MediaKind | undefined;
  /** Bytes, as far as they were told. */
  expected?: number | null | undefined;
}

/** Takes files in: streamed into the store, typed by their bytes, never larger than allowed. All or nothing. */
@Injectable()
export class MediaIntake {
  constructor(
    private readonly store: MediaStore,
    private readonly repository: MediaRepository,
    private readonly budget: UploadBudget,
    @Inject(API_CONFIG) private readonly config: ApiConfig,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * Stores a file. When it rejects, nothing is left of it, and the stream is ended.
   * @throws AppError `media_too_large`, `service_unavailable` (too many files at once; the store or the database is
   *   away); an error of the stream itself as it is
   */
  async take(tenantId: string, stream: Readable, file: IncomingFile): Promise<MediaRecord> {
    return this.within(tenantId, stream, file, async () => {
      const media = await this.takeIn(tenantId, stream, file);
      try {
        return await this.repository.insert(media);
      } catch (error) {
        // A row that may be there goes first.
        if (isAppError(error) && error.outcome === 'unknown') await this.discard(media);
        else await this.removeBytes(tenantId, media.objectKey);
        throw error;
      }
    });
  }

  /** As `take`, but for its row: `MediaRepository.insertIn` writes it, or `removeBytes` takes the file back. */
  takeBytes(tenantId: string, stream: Readable, file: IncomingFile): Promise<NewMedia> {
    return this.within(tenantId, stream, file, () => this.takeIn(tenantId, stream, file));
  }

  /** @throws AppError `media_too_large` when a stored file is too large for what it is to be sent as */
  assertSize(
    media: Pick<MediaRecord, 'mimeType' | 'size'>,
    kind: MediaKind = kindOfMimeType(media.mimeType),
  ): void {
    const maxBytes = largestOf(kind, this.config);
    if ((media.size ?? 0) > maxBytes) throw tooLarge(maxBytes, kind);
  }

  /** Takes a file back that was taken in for something that did not come about. Never rejects. */
  async discard(media: Pick<MediaRecord, 'tenantId' | 'id' | 'objectKey'>): Promise<void> {
    try {
      await this.repository.discard(media.tenantId, media.id);
    } catch (error) {
      this.logger.warn({ err: error, mediaId: media.id }, 'a file that is not needed could not be removed');
      return;
    }
    await this.removeBytes(media.tenantId, media.objectKey);
  }

  /** Removes the bytes of a file whose row is gone. Never rejects: what cannot be removed now is so by the cleaner. */
  async removeBytes(tenantId: string, objectKey: string): Promise<void> {
    try {
      await this.store.delete(objectKey);
      await this.repository.endRemoval(tenantId, objectKey);
    } catch (error) {
      this.logger.warn({ err: error, objectKey }, 'an object that is not needed is removed later');
    }
  }

  private async within<T>(
    tenantId: string,
    stream: Readable,
    { expected }: IncomingFile,
    work: () => Promise<T>,
  ): Promise<T> {
    try {
      return await this.budget.run(tenantId, expected ?? null, work);
    } catch (error) {
      stream.destroy();
      throw error;
    }
  }

  private async takeIn(tenantId: string, stream: Readable, file: IncomingFile): Promise<NewMedia> {
    const id = newId('med');
    const objectKey = `t/${tenantId}/up/${id}`;
    const { head, rest } = await readHead(stream);
    const mimeType = await detectMimeType(head, file);
    const maxBytes = file.kind ? largestOf(file.kind, this.config) : largestOfAll(this.config);
    try {
      const { size, sha256 } = await this.store.put(objectKey, rest, { contentType: mimeType, maxBytes });
      if (size === 0) throw new AppError('invalid_request', 'the file is empty', { outcome: 'not_sent' });
      const filename = cleanName(file.filename);
      return { tenantId, id, source: file.source, mimeType, filename, size, sha256, objectKey };
    } catch (error) {
      // A store that did not answer may have kept the bytes: nobody waits for the look.
      const removal = this.removeBytes(tenantId, objectKey);
      if (!(error instanceof MediaStoreError)) await removal;
      throw translate(error, maxBytes);
    }
  }
}

function translate(error: unknown, maxBytes: number): unknown {
  if (!(error instanceof MediaStoreError)) return error;
  if (error.code === 'too_large') return tooLarge(maxBytes);
  if (error.code === 'incomplete')
    return new AppError('invalid_request', 'the file ended early', { cause: error });
  return storeAway(error);
}

function tooLarge(maxBytes: number, kind?: MediaKind): AppError {
  const what = kind ? `a file sent as ${kind}` : 'a file';
  return new AppError('media_too_large', `${what} may have ${String(maxBytes)} bytes at most`, {
    outcome: 'not_sent',
  });
}

/** The object store is away. */
export function storeAway(cause: unknown): AppError {
  if (isAppError(cause)) return cause;
  return new AppError('service_unavailable', 'the object store is not available; try again', {
    cause,
    outcome: 'not_sent',
    retryAfterSeconds: 5,
  });
}

/** Names are shown, never used as paths. */
function cleanName(filename: string | null): string | null {
  const name = filename
    ?.replace(/[\p{Control}\p{Surrogate}]/gu, '')
    .split(/[/\\]/)
    .at(-1)
    ?.trim()
    .slice(0, 255);
  return name ? name : null;
}

/** The first bytes, and a stream that still gives all of them. */
async function readHead(stream: Readable): Promise<{ head: Buffer; rest: Readable }> {
  const chunks: Buffer[] = [];
  let length = 0;
  const iterator = stream.iterator({ destroyOnReturn: false });
  for await (const chunk of iterator as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length >= HEAD_BYTES) break;
  }
  const head = Buffer.concat(chunks);
  const rest = new PassThrough();
  rest.write(head);
  // An error on either side ends both; whoever reads `rest` sees it.
  pipeline(stream, rest, () => undefined);
  return { head: head.subarray(0, HEAD_BYTES), rest };
}
