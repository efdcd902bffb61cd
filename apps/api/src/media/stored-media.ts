export type MediaState = 'pending' | 'stored' | 'expired' | 'failed';
export type MediaSource = 'upload' | 'url' | 'inbound';

/** What a message shows of its file. */
export interface StoredMedia {
  id: string;
  state: MediaState;
  mimeType: string;
  filename: string | null;
  /** Bytes. */
  size: number | null;
  /** Lower-case hex. */
  sha256: string | null;
  /** Why it is not stored; null when it is, or still may be. */
  error: string | null;
}

/** A row of `media`. */
export interface MediaRecord extends StoredMedia {
  tenantId: string;
  source: MediaSource;
  sessionId: string | null;
  objectKey: string;
  createdAt: Date;
  storedAt: Date | null;
}

/** Columns of `media` for raw statements, named as the fields of MediaRecord. */
export const MEDIA_COLUMNS = `tenant_id AS "tenantId", id, source, session_id AS "sessionId", state,
  mime_type AS "mimeType", filename, size::float8 AS size, sha256, object_key AS "objectKey", error,
  created_at AS "createdAt", stored_at AS "storedAt"`;

/** Where a media's bytes are served. */
export function mediaContentPath(mediaId: string): string {
  return `/api/v1/media/${mediaId}/content`;
}
