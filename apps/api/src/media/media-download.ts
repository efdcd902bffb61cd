import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { AppError, isAppError } from '#kernel';
import { API_CONFIG, type ApiConfig } from '../config.js';
import {
  ForbiddenUrlError,
  OutboundFetcher,
  parseOutboundUrl,
  UnreachableUrlError,
} from '../http/outbound/index.js';
import { MediaIntake } from './media-intake.js';
import { largestOf, largestOfAll, type MediaKind } from './media-kind.js';
import type { MediaRecord } from './stored-media.js';

/** For the whole file: an answer is waiting for it. */
const FETCH_TIMEOUT_MS = 60_000;

export interface UrlFile {
  url: string;
  filename?: string | undefined;
  mimeType?: string | undefined;
  kind?: MediaKind | undefined;
}

/** Fetches files from URLs that tenants give, through the outbound guard, into the store. */
@Injectable()
export class MediaDownload implements OnApplicationShutdown {
  private readonly fetcher: OutboundFetcher;

  constructor(
    private readonly intake: MediaIntake,
    @Inject(API_CONFIG) private readonly config: ApiConfig,
  ) {
    this.fetcher = new OutboundFetcher({ allowPrivate: config.ALLOW_PRIVATE_MEDIA_URLS });
  }

  /**
   * @param path of the field that holds the URL, for the error
   * @throws AppError `media_url_forbidden`, `media_url_unreachable`, `media_too_large`, `service_unavailable`
   */
  async fetch(tenantId: string, file: UrlFile, path: string): Promise<MediaRecord> {
    try {
      const fetched = await this.fetcher.get(file.url, { timeoutMs: FETCH_TIMEOUT_MS });
      const most = file.kind ? largestOf(file.kind, this.config) : largestOfAll(this.config);
      if (fetched.size !== null && fetched.size > most) {
        fetched.body.on('error', () => undefined).destroy();
        throw new AppError('media_too_large', `the file may have ${String(most)} bytes at most`, {
          outcome: 'not_sent',
        });
      }
      return await this.intake.take(tenantId, fetched.body, {
        source: 'url',
        declared: fetched.mimeType ?? file.mimeType ?? null,
        filename: file.filename ?? fetched.filename,
        kind: file.kind,
        expected: fetched.size,
      });
    } catch (error) {
      throw refusal(error, path);
    }
  }

  /** The rules that a URL can break before anything is fetched. @throws AppError `media_url_forbidden` */
  check(url: string, path: string): void {
    try {
      parseOutboundUrl(url, { allowPrivate: this.config.ALLOW_PRIVATE_MEDIA_URLS });
    } catch (error) {
      throw refusal(error, path);
    }
  }

  async onApplicationShutdown(): Promise<void> {
    await this.fetcher.close();
  }
}

/** Says which rule the URL breaks, and never what answered inside. */
function refusal(error: unknown, path: string): unknown {
  if (isAppError(error) && error.code !== 'invalid_request') return error;
  const options = { cause: error, outcome: 'not_sent' as const };
  if (error instanceof ForbiddenUrlError) {
    const details = [{ path, message: error.message }];
    return new AppError('media_url_forbidden', `the media URL ${error.message}`, { ...options, details });
  }
  const message = error instanceof UnreachableUrlError ? error.message : 'could not be read to its end';
  const details = [{ path, message }];
  return new AppError('media_url_unreachable', `the media URL ${message}`, { ...options, details });
}
