import { createZodDto } from 'nestjs-zod';
import { z } from 'zod';
import { mediaIdSchema } from '#contracts';
import { pageQuerySchema, pageSchema } from '../http/index.js';
import { MEDIA_KINDS } from './media-kind.js';
import { mediaContentPath, type MediaRecord } from './stored-media.js';

const states = z.enum(['pending', 'stored', 'expired', 'failed']);
const sources = z.enum(['upload', 'url', 'inbound']);

export const mediaSchema = z
  .object({
    id: mediaIdSchema,
    source: sources,
    sessionId: z.string().nullable().describe('For what came in: the session it came through'),
    state: states.describe('`pending`: on its way from WhatsApp; `expired`: WhatsApp no longer has it'),
    mimeType: z.string().describe('Found from the bytes'),
    filename: z.string().nullable(),
    size: z.int().nullable().describe('Bytes'),
    sha256: z.string().nullable(),
    url: z.string().nullable().describe('Path of its bytes; needs the same API key'),
    error: z.string().nullable(),
    createdAt: z.iso.datetime(),
    storedAt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Media' });
export type MediaResource = z.infer<typeof mediaSchema>;
export class MediaDto extends createZodDto(mediaSchema) {}
export class MediaPageDto extends createZodDto(pageSchema(mediaSchema).meta({ id: 'MediaPage' })) {}

export class MediaParams extends createZodDto(
  z.strictObject({ id: z.string().min(1).max(100).describe('Id of a file') }),
) {}
export const mediaListQuerySchema = pageQuerySchema.extend({
  state: states.optional().describe('Only files in this state'),
  source: sources.optional().describe('Only files that came this way'),
});
export class MediaListQuery extends createZodDto(mediaListQuerySchema) {}

/** Fields beside the file of an upload. */
export const uploadFieldsSchema = z.strictObject({ kind: z.enum(MEDIA_KINDS).optional() });

export const MEDIA_EXAMPLE: MediaResource = {
  id: 'med_01kb6x2vb8c7j0m4qf5t9wz3ye',
  source: 'upload',
  sessionId: null,
  state: 'stored',
  mimeType: 'application/pdf',
  filename: 'invoice-4711.pdf',
  size: 48213,
  sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  url: '/api/v1/media/med_01kb6x2vb8c7j0m4qf5t9wz3ye/content',
  error: null,
  createdAt: '2026-01-01T09:40:00.000Z',
  storedAt: '2026-01-01T09:40:00.000Z',
};

export function toMediaResource(media: MediaRecord): MediaResource {
  const { id, source, sessionId, state, mimeType, filename, size, sha256, error } = media;
  return {
    id,
    source,
    sessionId,
    state,
    mimeType,
    filename,
    size,
    sha256,
    url: state === 'stored' ? mediaContentPath(id) : null,
    error,
    createdAt: media.createdAt.toISOString(),
    storedAt: media.storedAt?.toISOString() ?? null,
  };
}
