import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { chmod, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { S3Error } from './s3-error.js';

/** encodeURIComponent never leaves an `@`, so no part of a key ends like this. */
const OBJECT_SUFFIX = '@object';
const LONGEST_NAME = 240;
const FOOTER_BYTES = 8;
const BUCKET_NAME = /^[a-z0-9](?:[a-z0-9-]|\.(?!\.)){1,61}[a-z0-9]$/;

export interface ObjectFacts {
  size: number;
  /** Hex, what S3 calls the ETag. */
  md5: string;
  contentType: string;
  /** `x-amz-meta-…` headers. */
  metadata: Record<string, string>;
  /** Milliseconds since 1970. */
  modifiedAt: number;
}

export interface Content {
  stream: AsyncIterable<Buffer>;
  contentType: string;
  metadata: Record<string, string>;
  /** What the bytes must hash to, in hex, where the client said so. */
  sha256?: string;
  md5?: string;
}

export async function orIfMissing<T, U>(work: Promise<T>, otherwise: U): Promise<T | U> {
  try {
    return await work;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return otherwise;
    throw error;
  }
}

/** Keys become paths: what a path would read as something else, or cannot hold, is refused. */
function keyToPath(key: string): string {
  const parts = key.split('/');
  if (parts.some((part) => part === '.' || part === '..')) {
    throw new S3Error('InvalidArgument', 'A key may not hold "." or ".." as a part.');
  }
  const names = parts.map((part) => encodeURIComponent(part) || '@empty');
  if (names.some((name) => name.length > LONGEST_NAME))
    throw new S3Error('KeyTooLongError', 'Your key is too long.');
  return names.join('/');
}

function pathToKey(path: string): string {
  const parts = path.slice(0, -OBJECT_SUFFIX.length).split('/');
  return parts.map((part) => (part === '@empty' ? '' : decodeURIComponent(part))).join('/');
}

/**
 * Objects as files. Each is one file, its content followed by its facts (JSON, then the JSON's length in 8 bytes),
 * received beside the buckets, synced and renamed into place: an object is there whole or not at all, whatever
 * breaks off or is killed.
 */
export class ObjectFiles {
  private readonly incoming: string;

  constructor(private readonly root: string) {
    this.incoming = join(root, 'incoming');
  }

  async open(): Promise<void> {
    await mkdir(this.root, { recursive: true });
    await chmod(this.root, 0o700);
    await rm(this.incoming, { recursive: true, force: true }); // what a killed server was receiving
    await mkdir(this.incoming, { recursive: true });
  }

  async makeBucket(bucket: string): Promise<void> {
    await mkdir(this.bucketPath(bucket), { recursive: true });
  }

  async hasBucket(bucket: string): Promise<boolean> {
    return orIfMissing(
      stat(this.bucketPath(bucket)).then((found) => found.isDirectory()),
      false,
    );
  }

  async listBuckets(): Promise<string[]> {
    return (await readdir(join(this.root, 'buckets')).catch(() => [])).sort();
  }

  async put(bucket: string, key: string, content: Content): Promise<ObjectFacts> {
    return this.receive(this.objectPath(bucket, key), content);
  }

  /** Writes one object file at a path of the caller's. */
  async receive(path: string, { stream, contentType, metadata, sha256, md5 }: Content): Promise<ObjectFacts> {
    const draft = join(this.incoming, randomUUID());
    const hashes = { sha256: createHash('sha256'), md5: createHash('md5') };
    const facts = { size: 0, md5: '', contentType, metadata, modifiedAt: Date.now() };
    const measure = async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        hashes.md5.update(chunk);
        if (sha256) hashes.sha256.update(chunk);
        facts.size += chunk.length;
        yield chunk;
      }
      facts.md5 = hashes.md5.digest('hex');
      if (sha256 && hashes.sha256.digest('hex') !== sha256) {
        throw new S3Error('XAmzContentSHA256Mismatch', 'The body does not match x-amz-content-sha256.');
      }
      if (md5 && facts.md5 !== md5) throw new S3Error('BadDigest', 'The body does not match Content-MD5.');
      yield encodeFooter(facts);
    };
    try {
      await pipeline(stream, measure, createWriteStream(draft, { flush: true }));
      await mkdir(dirname(path), { recursive: true });
      await rename(draft, path);
      return facts;
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
  }

  async find(bucket: string, key: string): Promise<ObjectFacts | undefined> {
    return orIfMissing(readFacts(this.objectPath(bucket, key)), undefined);
  }

  /** Bytes `start` to `end`, both included. */
  read(bucket: string, key: string, start: number, end: number): Readable {
    return createReadStream(this.objectPath(bucket, key), { start, end });
  }

  /** Leaves empty folders: removing one would race with an upload that has just made it. */
  async remove(bucket: string, key: string): Promise<void> {
    await orIfMissing(rm(this.objectPath(bucket, key), { force: true }), undefined);
  }

  /** All keys that begin with a prefix, in S3's order (UTF-8 bytes). */
  async listKeys(bucket: string, prefix: string): Promise<string[]> {
    const root = this.bucketPath(bucket);
    const lastSlash = prefix.lastIndexOf('/');
    const folder = lastSlash > 0 ? join(root, keyToPath(prefix.slice(0, lastSlash))) : root;
    const entries = await orIfMissing(readdir(folder, { withFileTypes: true, recursive: true }), []);
    return entries
      .filter((entry) => entry.isFile() && entry.name.endsWith(OBJECT_SUFFIX))
      .map((entry) => pathToKey(relative(root, join(entry.parentPath, entry.name))))
      .filter((key) => key.startsWith(prefix))
      .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  }

  private bucketPath(bucket: string): string {
    if (!BUCKET_NAME.test(bucket))
      throw new S3Error('InvalidBucketName', 'The specified bucket is not valid.');
    return join(this.root, 'buckets', bucket);
  }

  private objectPath(bucket: string, key: string): string {
    return join(this.bucketPath(bucket), keyToPath(key)) + OBJECT_SUFFIX;
  }
}

function encodeFooter(facts: ObjectFacts): Buffer {
  const json = Buffer.from(JSON.stringify(facts));
  const length = Buffer.alloc(FOOTER_BYTES);
  length.writeBigUInt64BE(BigInt(json.length));
  return Buffer.concat([json, length]);
}

/** What is known of the object file at a path. */
export async function readFacts(path: string): Promise<ObjectFacts> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const length = Buffer.alloc(FOOTER_BYTES);
    await file.read(length, 0, FOOTER_BYTES, size - FOOTER_BYTES);
    const json = Buffer.alloc(Number(length.readBigUInt64BE()));
    await file.read(json, 0, json.length, size - FOOTER_BYTES - json.length);
    return JSON.parse(json.toString()) as ObjectFacts;
  } finally {
    await file.close();
  }
}
