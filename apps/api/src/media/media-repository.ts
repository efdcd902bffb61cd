import { Injectable } from '@nestjs/common';
import { Database, type Query } from '#database';
import { AppError } from '#kernel';
import type { AuthContext } from '../auth/index.js';
import { MEDIA_COLUMNS, type MediaRecord, type MediaSource, type MediaState } from './stored-media.js';

export interface MediaFilter {
  state?: MediaState | undefined;
  source?: MediaSource | undefined;
}

export interface NewMedia {
  tenantId: string;
  id: string;
  source: 'upload' | 'url';
  mimeType: string;
  filename: string | null;
  size: number;
  sha256: string;
  objectKey: string;
}

/** What came in through a session belongs to those who may use the session; uploads to the whole tenant. */
const VISIBLE = `d.tenant_id = $1 AND (d.session_id IS NULL OR EXISTS (SELECT FROM sessions s WHERE s.tenant_id = d.tenant_id
  AND s.id = d.session_id AND s.mode = $2 AND ($3::text[] IS NULL OR s.id = ANY($3))))`;

const INSERT = {
  name: 'media_insert',
  text: `INSERT INTO media (tenant_id, id, source, state, mime_type, filename, size, sha256, object_key, stored_at)
    VALUES ($1, $2, $3, 'stored', $4, $5, $6, $7, $8, now()) RETURNING ${MEDIA_COLUMNS}`,
};

/** A row goes, and leaves word of the object that is to follow, so that a crash in between forgets nothing. */
const REMOVE = {
  name: 'media_remove',
  text: `WITH gone AS (DELETE FROM media WHERE tenant_id = $1 AND id = $2 RETURNING tenant_id, object_key, size)
    INSERT INTO media_removals (tenant_id, object_key, bytes)
    SELECT tenant_id, object_key, coalesce(size, 0) FROM gone ON CONFLICT DO NOTHING`,
};

/** The files of one tenant. */
@Injectable()
export class MediaRepository {
  constructor(private readonly database: Database) {}

  /** @throws AppError `not_found` */
  async get(auth: AuthContext, id: string): Promise<MediaRecord> {
    const [media] = await this.database.tenantSql(auth.tenantId, (query) =>
      query<MediaRecord & object>(
        { name: 'media_get', text: `SELECT ${MEDIA_COLUMNS} FROM media d WHERE ${VISIBLE} AND d.id = $4` },
        [auth.tenantId, auth.mode, auth.sessionIds, id],
      ),
    );
    if (!media) throw noSuchMedia();
    return media;
  }

  /** Newest first; `limit` + 1 rows at most. */
  list(auth: AuthContext, filter: MediaFilter, limit: number, afterId?: string): Promise<MediaRecord[]> {
    return this.database.tenantSql(auth.tenantId, (query) =>
      query<MediaRecord & object>(
        {
          name: 'media_list',
          text: `SELECT ${MEDIA_COLUMNS} FROM media d WHERE ${VISIBLE} AND ($4::text IS NULL OR d.state = $4)
            AND ($5::text IS NULL OR d.source = $5) AND ($6::text IS NULL OR d.id < $6) ORDER BY d.id DESC LIMIT $7`,
        },
        [
          auth.tenantId,
          auth.mode,
          auth.sessionIds,
          filter.state ?? null,
          filter.source ?? null,
          afterId ?? null,
          limit + 1,
        ],
      ),
    );
  }

  /** Writes a file whose bytes are stored. */
  insert(media: NewMedia): Promise<MediaRecord> {
    return this.database.tenantSql(media.tenantId, (query) => this.insertIn(query, media));
  }

  /** As `insert`, in a transaction of the caller's. */
  async insertIn(query: Query, media: NewMedia): Promise<MediaRecord> {
    const { tenantId, id, source, mimeType, filename, size, sha256, objectKey } = media;
    const [stored] = await query<MediaRecord & object>(INSERT, [
      tenantId,
      id,
      source,
      mimeType,
      filename,
      size,
      sha256,
      objectKey,
    ]);
    if (!stored) throw noSuchMedia();
    return stored;
  }

  /**
   * Removes a file's row; ended messages stay and show it as gone. Resolves with where its bytes lie.
   * @throws AppError `not_found`, `invalid_state` while a message that has not left needs it
   */
  async remove(auth: AuthContext, id: string): Promise<string> {
    return this.database.tenantSql(auth.tenantId, async (query) => {
      // Waits for accepts that are about to use the file, and they for us.
      const [media] = await query<{ objectKey: string }>(
        `SELECT object_key AS "objectKey" FROM media d WHERE ${VISIBLE} AND d.id = $4 FOR UPDATE`,
        [auth.tenantId, auth.mode, auth.sessionIds, id],
      );
      if (!media) throw noSuchMedia();
      const needed = await query(
        `SELECT FROM messages WHERE tenant_id = $1 AND media_id = $2 AND status IN ('queued', 'sending') LIMIT 1`,
        [auth.tenantId, id],
      );
      if (needed.length > 0)
        throw new AppError('invalid_state', 'a message that has not left yet needs this file');
      await query(`UPDATE messages SET media_id = NULL WHERE tenant_id = $1 AND media_id = $2`, [
        auth.tenantId,
        id,
      ]);
      await query(REMOVE, [auth.tenantId, id]);
      return media.objectKey;
    });
  }

  /** Removes a file that was stored for a message that was then not accepted. */
  async discard(tenantId: string, id: string): Promise<void> {
    await this.database.tenantSql(tenantId, (query) => query(REMOVE, [tenantId, id]));
  }

  /** The object of a removed row is gone. */
  async endRemoval(tenantId: string, objectKey: string): Promise<void> {
    await this.database.tenantSql(tenantId, (query) =>
      query(`DELETE FROM media_removals WHERE tenant_id = $1 AND object_key = $2`, [tenantId, objectKey]),
    );
  }
}

/** The same for media that does not exist and for another tenant's. */
export function noSuchMedia(): AppError {
  return new AppError('not_found', 'there is no such media');
}
