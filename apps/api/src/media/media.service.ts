import { createHash } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { Database } from '#database';
import { AppError, isAppError } from '#kernel';
import { MediaStore, MediaStoreError } from '#media-store';
import type { AuthContext } from '../auth/index.js';
import { IdempotencyService, idempotentRequestOf, type IdempotentAnswer } from '../idempotency/index.js';
import { LOGGER, readPage, toPage, type ApiReply, type ApiRequest, type Page } from '../http/index.js';
import { attachmentNamed, parseRange } from './content-range.js';
import { MediaIntake, storeAway } from './media-intake.js';
import type { MediaKind } from './media-kind.js';
import { MediaRepository, noSuchMedia, type NewMedia } from './media-repository.js';
import { servedType } from './media-type.js';
import { toMediaResource, uploadFieldsSchema, type MediaListQuery, type MediaResource } from './media.dto.js';
import { announcedBytes, readForm, type FormFile } from './multipart-form.js';
import type { MediaRecord } from './stored-media.js';

const MEDIA_ID = /^med_[0-9a-z]{26}$/;

/** What tenants do with files. */
@Injectable()
export class MediaService {
  constructor(
    private readonly repository: MediaRepository,
    private readonly intake: MediaIntake,
    private readonly store: MediaStore,
    private readonly database: Database,
    private readonly idempotency: IdempotencyService,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * Takes a file in. Under an Idempotency-Key once: the file of a repeated request is compared with that of the first,
   * and is not kept.
   */
  async upload(auth: AuthContext, request: ApiRequest): Promise<IdempotentAnswer<MediaResource>> {
    // A key that is none is refused before the file is read.
    idempotentRequestOf(request, null);
    const take = ({ stream, filename, mimeType }: FormFile, early: Record<string, string>) => {
      const kind = uploadFieldsSchema.safeParse(early).data?.kind;
      return this.intake.takeBytes(auth.tenantId, stream, {
        source: 'upload',
        declared: mimeType,
        filename,
        kind,
        expected: announcedBytes(request),
      });
    };
    const undo = (media: NewMedia) => this.intake.removeBytes(media.tenantId, media.objectKey);
    const { fields, file } = await readForm(request, uploadFieldsSchema, take, undo);
    await this.assertFits(file, fields.kind);
    return this.once(auth, request, { fields, file: file.sha256 }, file);
  }

  async list(auth: AuthContext, query: MediaListQuery): Promise<Page<MediaResource>> {
    const { limit, after } = readPage('media', query, [MEDIA_ID]);
    const rows = await this.repository.list(
      auth,
      { state: query.state, source: query.source },
      limit,
      after?.[0],
    );
    return toPage('media', query, rows, (row) => [row.id], toMediaResource);
  }

  async get(auth: AuthContext, id: string): Promise<MediaResource> {
    return toMediaResource(await this.repository.get(auth, id));
  }

  /** The row goes first: bytes without a row are only waste, a row without bytes would be a lie. */
  async remove(auth: AuthContext, id: string): Promise<void> {
    const objectKey = await this.repository.remove(auth, id);
    await this.intake.removeBytes(auth.tenantId, objectKey);
  }

  /** Answers with the bytes, or a part of them; as a download that no browser runs. */
  async sendContent(auth: AuthContext, id: string, request: ApiRequest, reply: ApiReply): Promise<void> {
    const media = await this.repository.get(auth, id);
    if (media.state !== 'stored' || media.size === null) {
      throw new AppError('media_not_stored', `the file is ${media.state}: its bytes are not here`);
    }
    const etag = `"${media.sha256 ?? createHash('sha256').update(media.id).digest('hex')}"`;
    setContentHeaders(reply, media, etag);
    if (matches(request.headers['if-none-match'], etag)) {
      await reply.code(304).send();
      return;
    }
    const ifRange = request.headers['if-range'];
    const wanted = ifRange === undefined || ifRange === etag ? request.headers.range : undefined;
    const range = rangeOf(wanted, media.size, reply);
    if (range)
      void reply
        .code(206)
        .header('Content-Range', `bytes ${String(range.start)}-${String(range.end)}/${String(media.size)}`);
    void reply.header('Content-Length', String(range ? range.end - range.start + 1 : media.size));
    if (request.method === 'HEAD') {
      await reply.send();
      return;
    }
    const { stream } = await this.open(media, range);
    await reply.send(stream);
  }

  private async open(media: MediaRecord, range: ReturnType<typeof parseRange>) {
    try {
      return await this.store.get(media.objectKey, range ? { range } : {});
    } catch (error) {
      if (!(error instanceof MediaStoreError && error.code === 'not_found')) throw storeAway(error);
      this.logger.error({ err: error, mediaId: media.id }, 'a stored file is missing in the object store');
      throw noSuchMedia();
    }
  }

  /** The row of the file and that of the key are written together: no answer names a file that is not there. */
  private async once(
    { tenantId }: AuthContext,
    request: ApiRequest,
    content: object,
    file: NewMedia,
  ): Promise<IdempotentAnswer<MediaResource>> {
    const idempotent = idempotentRequestOf(request, content);
    const forget = () => this.intake.removeBytes(tenantId, file.objectKey);
    try {
      const answer = await this.database.tenantSql(tenantId, (query) =>
        this.idempotency.run(query, tenantId, idempotent, async () => {
          const body = toMediaResource(await this.repository.insertIn(query, file));
          return { status: 201, body, resourceId: file.id };
        }),
      );
      if (answer.replayed) await forget();
      return answer;
    } catch (error) {
      // A row that may be stored needs its bytes.
      if (!(isAppError(error) && error.outcome === 'unknown')) await forget();
      throw error;
    }
  }

  private async assertFits(media: NewMedia, kind: MediaKind | undefined): Promise<void> {
    try {
      this.intake.assertSize(media, kind);
    } catch (error) {
      await this.intake.removeBytes(media.tenantId, media.objectKey);
      throw error;
    }
  }
}

function setContentHeaders(reply: ApiReply, media: MediaRecord, etag: string): void {
  void reply.headers({
    'Content-Type': servedType(media.mimeType),
    'Content-Disposition': attachmentNamed(media.filename ?? media.id),
    'Content-Security-Policy': "sandbox; default-src 'none'",
    'X-Content-Type-Options': 'nosniff',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Cache-Control': 'no-store',
    'Accept-Ranges': 'bytes',
    ETag: etag,
  });
}

function rangeOf(header: string | undefined, size: number, reply: ApiReply): ReturnType<typeof parseRange> {
  try {
    return parseRange(header, size);
  } catch (error) {
    void reply.header('Content-Range', `bytes */${String(size)}`);
    for (const name of ['Content-Disposition', 'ETag', 'Accept-Ranges', 'Content-Length'])
      void reply.removeHeader(name);
    throw error;
  }
}

function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.trim() === '*' || header.split(',').some((one) => one.trim().replace(/^W\//, '') === etag);
}
