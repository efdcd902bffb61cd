import { is2026 } from './boot.js';
import { type Attributes, Model } from './model.js';

/** What can fetch a message's media. */
export interface MediaSource {
  directPath: string | undefined;
  filehash: string | undefined;
  type: string;
  mimetype: string | undefined;
}

let download: (source: MediaSource) => Promise<ArrayBuffer> = () => Promise.reject(new Error('not started'));

export function useDownloader(downloader: (source: MediaSource) => Promise<ArrayBuffer>): void {
  download = downloader;
}

/** The media of a message, or of one about to be sent. */
export class MediaData extends Model {
  declare mediaStage: string;
  declare type: string;
  declare mimetype: string;
  declare filehash: string;
  declare size: number;

  constructor(attributes: Attributes) {
    super(attributes);
    // The 2026-09 build's media models carry an enumerable `__x_id`, which wins over the id of a message that
    // such a model is spread into.
    if (is2026) Object.assign(this, { __x_id: undefined });
  }

  /** Fetches the bytes, so that the stage becomes RESOLVED, or tells why it did not. */
  async resolve(source: MediaSource): Promise<void> {
    this.set({ mediaStage: 'FETCHING' });
    try {
      await download(source);
      this.set({ mediaStage: 'RESOLVED' });
    } catch (error) {
      const missing = (error as { status?: number }).status === 404;
      this.set({ mediaStage: missing ? 'ERROR_MISSING' : 'ERROR_UNKNOWN' });
    }
  }
}
