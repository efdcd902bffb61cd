import { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { Client, type BucketItem } from 'minio';
import { withDeadline } from '#kernel';
import {
  MediaStore,
  MediaStoreError,
  type ByteRange,
  type ListedMedia,
  type ListOptions,
  type MediaContent,
  type MediaFacts,
  type PutOptions,
  type StoredMedia,
} from '../media-store.js';
import { deadlineTransport } from './deadline-transport.js';
import { MeasuredParts, type Part } from './measured-parts.js';

const IDLE_TIMEOUT_MS = 60_000;
const REQUEST_TIMEOUT_MS = 30_000;
const PART_TIMEOUT_MS = 120_000;
const COMPLETE_TIMEOUT_MS = 300_000;
/** An upload holds about two of them in memory. S3 wants at least 5 MiB, and at most 10,000 parts: enough for 80 GB. */
const PART_BYTES = 8 * 1024 * 1024;
const DEFAULT_CONTENT_TYPE = 'application/octet-stream';

export interface S3MediaStoreOptions {
  /** `https://host[:port]`, of any S3-compatible store. */
  endpoint: string;
  region: string;
  bucket: string;
  accessKey: string;
  secretKey: string;
}

/** As minio gives it, which types its parts only loosely. */
interface BegunUpload {
  key: string;
  uploadId: string;
  initiated: string | Date;
}

function translate(error: unknown, what: string): MediaStoreError {
  if (error instanceof MediaStoreError) return error;
  const code = (error as { code?: unknown }).code;
  if (code === 'NoSuchKey' || code === 'NotFound') return new MediaStoreError('not_found', 'no such media');
  if (code === 'InvalidRange') return new MediaStoreError('invalid_range', 'the range begins behind the end');
  return new MediaStoreError('unavailable', `${what} failed`, { cause: error });
}

async function ask<T>(what: string, work: Promise<T>, timeoutMs = REQUEST_TIMEOUT_MS): Promise<T> {
  try {
    return await withDeadline(work, timeoutMs, what);
  } catch (error) {
    throw translate(error, what);
  }
}

/**
 * A kept connection may be closed by the store at the moment it is used again. What may be done twice is then done once
 * more, on another one.
 */
async function onceMore<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { code } = ((error as Error).cause ?? {}) as { code?: unknown };
    if (code !== 'ECONNRESET' && code !== 'EPIPE') throw error;
    return work();
  }
}

/** Keeps media in a bucket of an S3-compatible store, through the minio client. */
export class S3MediaStore extends MediaStore {
  private readonly client: Client;
  private readonly bucket: string;

  constructor(options: S3MediaStoreOptions) {
    super();
    const { protocol, hostname, port } = new URL(options.endpoint);
    const isSecure = protocol === 'https:';
    this.bucket = options.bucket;
    this.client = new Client({
      endPoint: hostname,
      port: port ? Number(port) : isSecure ? 443 : 80,
      useSSL: isSecure,
      region: options.region,
      accessKey: options.accessKey,
      secretKey: options.secretKey,
      transport: deadlineTransport(isSecure, IDLE_TIMEOUT_MS),
      // Its own retries speak to the console, past our logger.
      retryOptions: { disableRetry: true },
    });
  }

  /** Makes the bucket when it is not there; for development, where nobody has made it. */
  async ensureBucket(): Promise<void> {
    if (await ask('looking for the bucket', this.client.bucketExists(this.bucket))) return;
    await ask('making the bucket', this.client.makeBucket(this.bucket));
  }

  /** In one request up to 8 MiB, in parts beyond. minio's own stream upload hangs when its source fails. */
  override async put(key: string, stream: Readable, options: PutOptions): Promise<StoredMedia> {
    const measured = new MeasuredParts(stream, options, PART_BYTES);
    const parts = measured.parts();
    try {
      const first = (await parts.next()).value as Part;
      if (first.isLast) await this.putWhole(key, options.contentType, first.bytes);
      else await this.putParts(key, options.contentType, first.bytes, parts);
    } finally {
      // A stream that nobody reads to its end would keep whoever writes to it waiting.
      await parts.return(undefined);
      stream.destroy();
    }
    return measured.result();
  }

  override async get(key: string, { range }: { range?: ByteRange } = {}): Promise<MediaContent> {
    const { bucket, client } = this;
    const answer = await ask(
      'reading media',
      range
        ? client.getPartialObject(
            bucket,
            key,
            range.start,
            range.end === undefined ? 0 : range.end - range.start + 1,
          )
        : client.getObject(bucket, key),
    );
    if (!(answer instanceof IncomingMessage))
      throw new MediaStoreError('unavailable', 'reading media gave no answer');
    const { 'content-type': contentType = DEFAULT_CONTENT_TYPE, 'content-length': length = '0' } =
      answer.headers;
    const [, start, end, size] =
      /^bytes (\d+)-(\d+)\/(\d+)$/.exec(answer.headers['content-range'] ?? '') ?? [];
    if (size === undefined) return { stream: answer, size: Number(length), contentType };
    return {
      stream: answer,
      size: Number(size),
      contentType,
      range: { start: Number(start), end: Number(end) },
    };
  }

  override async stat(key: string): Promise<MediaFacts> {
    const { size, metaData } = await ask('looking at media', this.client.statObject(this.bucket, key));
    const { 'content-type': contentType } = metaData as Record<string, string | undefined>;
    return { size, contentType: contentType ?? DEFAULT_CONTENT_TYPE };
  }

  override async delete(key: string): Promise<void> {
    await ask('deleting media', this.client.removeObject(this.bucket, key));
  }

  override async *list(prefix: string, { after = '' }: ListOptions = {}): AsyncGenerator<ListedMedia> {
    const items = this.client.listObjectsV2(this.bucket, prefix, true, after) as AsyncIterable<BucketItem>;
    try {
      for await (const item of items) {
        if (item.name === undefined) continue;
        yield { key: item.name, size: item.size, modifiedAt: item.lastModified };
      }
    } catch (error) {
      throw translate(error, 'listing media');
    }
  }

  override async abortUploads(prefix: string, begunBefore: Date): Promise<number> {
    let aborted = 0;
    let isLast = false;
    for (let key = '', id = ''; !isLast;) {
      const query = this.client.listIncompleteUploadsQuery(this.bucket, prefix, key, id, '');
      const page = await ask('listing uploads', query);
      for (const upload of page.uploads as BegunUpload[]) {
        if (new Date(upload.initiated) >= begunBefore) continue;
        const abort = this.client.abortMultipartUpload(this.bucket, upload.key, upload.uploadId);
        await ask('aborting an upload', abort);
        aborted += 1;
      }
      isLast = !page.isTruncated;
      ({ nextKeyMarker: key, nextUploadIdMarker: id } = page);
    }
    return aborted;
  }

  override async ping(): Promise<void> {
    const isThere = await ask('reaching the media store', this.client.bucketExists(this.bucket));
    if (!isThere) throw new MediaStoreError('unavailable', 'the bucket does not exist');
  }

  private async putWhole(key: string, contentType: string, bytes: Buffer): Promise<void> {
    const headers = { 'Content-Type': contentType };
    const put = () =>
      ask(
        'storing media',
        this.client.putObject(this.bucket, key, bytes, bytes.length, headers),
        PART_TIMEOUT_MS,
      );
    await onceMore(put);
  }

  private async putParts(key: string, contentType: string, first: Buffer, rest: AsyncGenerator<Part>) {
    const { bucket, client } = this;
    const begun = client.initiateNewMultipartUpload(bucket, key, { 'Content-Type': contentType });
    const uploadId = await ask('storing media', begun);
    try {
      const etags: { part: number; etag: string }[] = [];
      const send = async (body: Buffer) => {
        const partNumber = etags.length + 1;
        const part = { bucketName: bucket, objectName: key, uploadID: uploadId, partNumber, headers: {} };
        const upload = () => ask('storing media', client.uploadPart(part, body), PART_TIMEOUT_MS);
        const { etag } = await onceMore(upload);
        etags.push({ part: partNumber, etag });
      };
      await send(first);
      for await (const { bytes } of rest) await send(bytes);
      const completed = client.completeMultipartUpload(bucket, key, uploadId, etags);
      await ask('storing media', completed, COMPLETE_TIMEOUT_MS);
    } catch (error) {
      await rest.return(undefined);
      await this.abort(key, uploadId, error);
      throw error;
    }
  }

  /** Best effort: what cannot be aborted now is so later, by `abortUploads`. */
  private async abort(key: string, uploadId: string, reason: unknown): Promise<void> {
    try {
      await ask('aborting an upload', this.client.abortMultipartUpload(this.bucket, key, uploadId));
    } catch (error) {
      if (reason instanceof Error) reason.cause ??= error;
    }
  }
}
