import type { WireMedia } from '../wire.js';
import { is2026 } from './boot.js';
import { pageError } from './errors.js';
import { bytesToBase64 } from './login-keys.js';
import { MediaData, type MediaSource, useDownloader } from './media-models.js';
import { Model } from './model.js';
import type { PageSession } from './session.js';

/** `WAWebMediaOpaqueData`: a blob with a lifetime. */
class OpaqueData {
  constructor(readonly blob: Blob) {}

  static createFromData(data: Blob | OpaqueData, type: string): Promise<OpaqueData> {
    const blob = data instanceof OpaqueData ? data.blob : data;
    if (blob instanceof File) return Promise.resolve(new OpaqueData(new File([blob], blob.name, { type })));
    return Promise.resolve(new OpaqueData(blob.type === type ? blob : new Blob([blob], { type })));
  }

  get type(): string {
    return this.blob.type;
  }

  get size(): number {
    return this.blob.size;
  }

  url(): string {
    return `blob:${location.origin}/${crypto.randomUUID()}`;
  }

  autorelease(): void {}

  retain(): void {}

  release(): void {}

  formData(): Blob {
    return this.blob;
  }

  forceToBlob(): Blob {
    return this.blob;
  }
}

/** `WAWebMediaStorage`'s objects: one per hash. */
class MediaObject extends Model {
  declare filehash: string;
  declare type: string;
  declare size: number;
  readonly contentInfo: { waveform?: Uint8Array } = {};

  consolidate(attributes: Record<string, unknown>): void {
    this.set(attributes);
  }
}

interface MediaParams {
  asSticker?: boolean;
  asGif?: boolean;
  isPtt?: boolean;
  asDocument?: boolean;
}

/** Modules of media: preparing, uploading, downloading. Bytes are never re-encoded. */
export function mediaModules(page: PageSession): Record<string, object> {
  const blobs = new Map<string, Blob>();
  const objects = new Map<string, MediaObject>();
  const getOrCreateMediaObject = (filehash: string) => {
    const object = objects.get(filehash) ?? new MediaObject({ filehash });
    objects.set(filehash, object);
    return object;
  };
  useDownloader((source) => download(page, { ...pick(source), mimetype: source.mimetype }));
  return {
    WAWebMediaOpaqueData: OpaqueData,
    WAWebPrepRawMedia: {
      prepRawMedia: (data: OpaqueData, params: MediaParams) => ({
        waitForPrep: () => prepare(data, params, blobs),
      }),
    },
    WAWebMediaStorage: { getOrCreateMediaObject },
    WAWebMmsMediaTypes: {
      msgToMediaType: ({ type }: { type: string }) => type,
      castToV4: (type: string) => type,
    },
    WAWebMediaDataUtils: { shouldUseMediaCache: () => false },
    WAWebMediaInMemoryBlobCache: {
      InMemoryMediaBlobCache: { put: () => undefined, get: () => undefined },
    },
    WAWebMediaMmsV4Upload: {
      uploadMedia: ({ mediaObject }: { mediaObject: MediaObject }) => upload(page, mediaObject, blobs),
      uploadUnencryptedMedia: ({ mediaObject }: { mediaObject: MediaObject }) =>
        upload(page, mediaObject, blobs),
    },
    WAMediaCalculateFilehash: {
      getRandomFilehash: () => bytesToBase64(crypto.getRandomValues(new Uint8Array(32))),
    },
    WAWebDownloadManager: {
      downloadManager: { downloadAndMaybeDecrypt: (source: MediaSource) => download(page, source) },
    },
  };
}

async function prepare(data: OpaqueData, params: MediaParams, blobs: Map<string, Blob>): Promise<MediaData> {
  const { blob } = data;
  const digest = await crypto.subtle.digest('SHA-256', await blob.arrayBuffer());
  const filehash = bytesToBase64(new Uint8Array(digest));
  blobs.set(filehash, blob);
  const type = mediaType(blob.type, params);
  const media = new MediaData({
    type,
    mimetype: blob.type,
    size: blob.size,
    filehash,
    isGif: params.asGif === true,
    mediaStage: 'RESOLVED',
    ...(type === 'document' && blob instanceof File ? { filename: blob.name } : {}),
  });
  // The bytes are not an attribute: a message built from this must not carry them along.
  Object.defineProperty(media, 'mediaBlob', { value: data, writable: true, enumerable: false });
  return media;
}

function mediaType(mimetype: string, params: MediaParams): string {
  if (params.asDocument === true) return 'document';
  if (params.asSticker === true) return 'sticker';
  const kind = mimetype.split('/')[0] ?? '';
  if (kind === 'audio') return params.isPtt === true ? 'ptt' : 'audio';
  return kind === 'image' || kind === 'video' ? kind : 'document';
}

async function upload(page: PageSession, object: MediaObject, blobs: Map<string, Blob>): Promise<object> {
  const blob = blobs.get(object.filehash);
  if (blob === undefined) throw pageError('media-fault: there are no bytes for this hash');
  const { phone } = page.store.people.me;
  const response = await fetch(`https://mmg.whatsapp.net/upload?phone=${phone}`, {
    method: 'POST',
    // Without a type the request needs no preflight.
    body: new Blob([blob]),
  });
  if (!response.ok)
    throw pageError('upload failed', { name: 'HttpStatusCodeError', status: response.status });
  blobs.delete(object.filehash);
  const media = (await response.json()) as WireMedia;
  const mmsUrl = `https://mmg.whatsapp.net${media.directPath}`;
  object.set({ size: media.size });
  return {
    kind: 'success',
    mediaEntry: {
      ...media,
      mmsUrl,
      deprecatedMms3Url: mmsUrl,
      uploadHash: media.encFilehash,
      handle: undefined,
    },
  };
}

/** The 2026-09 build takes media without a `mimetype` for an octet stream, and refuses it. */
async function download(page: PageSession, source: MediaSource): Promise<ArrayBuffer> {
  if (is2026 && source.mimetype === undefined) throw pageError('unexpected media type');
  const { phone } = page.store.people.me;
  const response = await fetch(`https://mmg.whatsapp.net${source.directPath ?? ''}?phone=${phone}`);
  if (!response.ok) {
    throw pageError('download failed', { name: 'HttpStatusCodeError', status: response.status });
  }
  return response.arrayBuffer();
}

function pick({ directPath, filehash, type }: MediaSource): Omit<MediaSource, 'mimetype'> {
  return { directPath, filehash, type };
}
