import { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { AppError } from '#kernel';
import type { AuthContext } from '../auth/index.js';
import {
  kindOfMimeType,
  MediaDownload,
  MediaIntake,
  MediaRepository,
  type MediaKind,
  type MediaRecord,
} from '../media/index.js';
import type { IdempotentAnswer } from '../idempotency/index.js';
import type { MediaSourceRequest, SendMessageRequest } from './send-request.js';

/** The file that a message is sent with: found, fetched or decoded, and checked. */
@Injectable()
export class MessageMedia {
  constructor(
    private readonly repository: MediaRepository,
    private readonly intake: MediaIntake,
    private readonly download: MediaDownload,
  ) {}

  /**
   * Gives `work` the file of a request. A file that is fetched or decoded here is removed again when the work fails, or answers a repeated request with what was answered before.
   * @param file already stored, by the caller, who takes it back
   * @throws AppError `not_found`, `media_not_stored`, `media_type_mismatch`, `media_too_large`, `media_url_forbidden`,
   *   `media_url_unreachable`, `service_unavailable`
   */
  async use<T>(
    auth: AuthContext,
    request: SendMessageRequest,
    file: MediaRecord | undefined,
    work: (media: MediaRecord) => Promise<IdempotentAnswer<T>>,
  ): Promise<IdempotentAnswer<T>> {
    const source = request.media ?? {};
    const own = file ? undefined : await this.takeIn(auth.tenantId, source, request);
    try {
      const media = file ?? own ?? (await this.repository.get(auth, source.mediaId ?? ''));
      this.assertFits(media, request);
      const answer = await work(media);
      if (own && answer.replayed) await this.intake.discard(own);
      return answer;
    } catch (error) {
      if (own) await this.intake.discard(own);
      throw error;
    }
  }

  /** As `use`, as far as that goes without fetching or storing anything. */
  async check(auth: AuthContext, request: SendMessageRequest): Promise<void> {
    const { mediaId, url, base64 } = request.media ?? {};
    if (mediaId !== undefined) this.assertFits(await this.repository.get(auth, mediaId), request);
    if (url !== undefined) this.download.check(url, 'media.url');
    if (base64 !== undefined) decode(base64);
  }

  /** @throws AppError `media_not_stored`, `media_type_mismatch`, `media_too_large` */
  assertFits(media: MediaRecord, { type }: Pick<SendMessageRequest, 'type'>): void {
    if (media.state !== 'stored') {
      throw new AppError('media_not_stored', `the file is ${media.state}: its bytes are not here`);
    }
    const kind = kindOfType(type);
    if (kind !== 'document' && kindOfMimeType(media.mimeType) !== kind) {
      throw new AppError(
        'media_type_mismatch',
        `the file is ${media.mimeType}, which cannot be sent as ${type}`,
        {
          details: [{ path: 'type', message: `must fit the file; document fits any` }],
          outcome: 'not_sent',
        },
      );
    }
    this.intake.assertSize(media, kind);
  }

  private async takeIn(
    tenantId: string,
    { url, base64, filename, mimeType }: MediaSourceRequest,
    request: SendMessageRequest,
  ): Promise<MediaRecord | undefined> {
    const kind = kindOfType(request.type);
    if (url !== undefined) {
      return this.download.fetch(tenantId, { url, filename, mimeType, kind }, 'media.url');
    }
    if (base64 === undefined) return undefined;
    return this.intake.take(tenantId, Readable.from([decode(base64)]), {
      source: 'upload',
      declared: mimeType ?? null,
      filename: filename ?? request.filename ?? null,
      kind,
    });
  }
}

/** Voice messages are audio to WhatsApp's limits. */
export function kindOfType(type: SendMessageRequest['type']): MediaKind {
  return type === 'voice' ? 'audio' : type === 'text' ? 'document' : type;
}

function decode(base64: string): Buffer {
  const plain = base64.replace(/^data:[\w.+/-]+;base64,/, '').replace(/\s/g, '');
  if (/^[A-Za-z0-9+/]+={0,2}$/.test(plain) && plain.length % 4 === 0) return Buffer.from(plain, 'base64');
  throw new AppError('invalid_request', 'media.base64 is not base64', {
    details: [{ path: 'media.base64', message: 'must be base64' }],
    outcome: 'not_sent',
  });
}
