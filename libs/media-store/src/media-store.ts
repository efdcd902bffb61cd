import type { Readable } from 'node:stream';

/**
 * - `not_found`: no such object.
 * - `too_large`: more bytes than allowed; nothing was kept.
 * - `incomplete`: the stream ended before the size that was announced; nothing was kept.
 * - `invalid_range`: the range begins behind the end.
 * - `unavailable`: the store did not answer, or refused us.
 */
export type MediaStoreErrorCode = 'not_found' | 'too_large' | 'incomplete' | 'invalid_range' | 'unavailable';

export class MediaStoreError extends Error {
  override readonly name = 'MediaStoreError';

  constructor(
    readonly code: MediaStoreErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export interface PutOptions {
  contentType: string;
  /** Bytes that must come; fewer or more is an error. */
  size?: number;
  /** Most bytes that are taken. */
  maxBytes?: number;
}

export interface StoredMedia {
  /** In bytes, as counted. */
  size: number;
  /** Of the bytes, in hex. */
  sha256: string;
}

/** Bytes `start` to `end`, both included; to the end of the object when `end` is left out or behind it. */
export interface ByteRange {
  start: number;
  end?: number;
}

export interface MediaContent {
  /** Fails with the store's error when it breaks off; destroy it when it is not read to its end. */
  stream: Readable;
  /** Of the whole object, in bytes. */
  size: number;
  contentType: string;
  /** What the stream holds, when a range was asked for. */
  range?: Required<ByteRange>;
}

export interface MediaFacts {
  size: number;
  contentType: string;
}

export interface ListedMedia {
  key: string;
  size: number;
  /** When it was last written, by the store's clock. */
  modifiedAt: Date;
}

export interface ListOptions {
  /** Only keys behind this one. */
  after?: string;
}

/**
 * Where media bytes live. Keys are made by us (`t/<tenant>/…`), never from a client's text. Content is streamed:
 * memory does not grow with its size. Every method rejects with a MediaStoreError, and none waits for ever.
 */
export abstract class MediaStore {
  /**
   * Stores a stream under a key, replacing what was there, and counts and hashes it on the way. All or nothing:
   * when it rejects, nothing new is under the key, and the stream is destroyed. An error of the stream itself is
   * passed on as it is.
   * @throws MediaStoreError too_large, incomplete, unavailable
   */
  abstract put(key: string, stream: Readable, options: PutOptions): Promise<StoredMedia>;

  /** @throws MediaStoreError not_found, invalid_range, unavailable */
  abstract get(key: string, options?: { range?: ByteRange }): Promise<MediaContent>;

  /** @throws MediaStoreError not_found, unavailable */
  abstract stat(key: string): Promise<MediaFacts>;

  /** Removes an object; removing one that is not there is no error. */
  abstract delete(key: string): Promise<void>;

  /** All objects whose key begins with a prefix, in key order. */
  abstract list(prefix: string, options?: ListOptions): AsyncIterable<ListedMedia>;

  /**
   * Ends uploads in parts that were begun before a time and never completed: their parts take room, and no list shows
   * them. Resolves with how many there were.
   * @throws MediaStoreError unavailable
   */
  abstract abortUploads(prefix: string, begunBefore: Date): Promise<number>;

  /** Resolves when the store can be used. */
  abstract ping(): Promise<void>;
}
