import { Injectable } from '@nestjs/common';
import { Database } from '#database';
import { AppError } from '#kernel';
import { MediaJobWorker } from './media-job-worker.js';
import type { MediaSource, MediaState } from './stored-media.js';

interface Found {
  /** The message is of a kind that has a file. */
  hasMedia: boolean;
  mediaId: string | null;
  source: MediaSource | null;
  state: MediaState | null;
  isConnected: boolean;
  isDeleted: boolean;
}

const FIND = {
  name: 'media_redownload_find',
  text: `SELECT m.content ? 'media' AS "hasMedia", m.media_id AS "mediaId", d.source, d.state,
      s.state = 'connected' AND s.desired = 'running' AS "isConnected", s.desired = 'deleted' AS "isDeleted"
    FROM messages m JOIN sessions s ON s.tenant_id = m.tenant_id AND s.id = m.session_id
    LEFT JOIN media d ON d.tenant_id = m.tenant_id AND d.id = m.media_id
    WHERE m.tenant_id = $1 AND m.id = $2`,
};

const AGAIN = {
  name: 'media_redownload',
  text: `UPDATE media SET state = 'pending', attempts = 0, error = NULL, claimed_until = NULL, claimed_by = NULL,
      next_attempt_at = now()
    WHERE tenant_id = $1 AND id = $2 AND source = 'inbound' AND state IN ('failed', 'expired')`,
};

/** Fetches files again on demand that were given up, or that WhatsApp no longer had. */
@Injectable()
export class MediaRedownload {
  constructor(
    private readonly database: Database,
    private readonly worker: MediaJobWorker,
  ) {}

  /**
   * Puts the file of a message back into the queue. One that is stored or waits already stays as it is, so asking again
   * changes nothing.
   * @param messageId of a message that the caller may see
   * @throws AppError `media_not_downloadable`, `media_gone`, `session_not_connected`
   */
  async request(tenantId: string, messageId: string): Promise<void> {
    const isWaiting = await this.database.tenantSql(tenantId, async (query) => {
      const [found] = await query<Found & object>(FIND, [tenantId, messageId]);
      if (!found || !needsDownload(found)) return false;
      await query(AGAIN, [tenantId, found.mediaId]);
      return true;
    });
    if (isWaiting) this.worker.wake();
  }
}

function needsDownload({ hasMedia, mediaId, source, state, isConnected, isDeleted }: Found): boolean {
  if (!hasMedia) throw new AppError('media_not_downloadable', 'the message has no file');
  if (mediaId === null) throw new AppError('media_gone', 'the file was removed here; it cannot come back');
  if (source !== 'inbound') {
    throw new AppError('media_not_downloadable', 'the file was given to us; only what came in is downloaded');
  }
  if (state === 'stored' || state === 'pending') return false;
  if (isDeleted) throw new AppError('media_gone', 'the session that could fetch it was deleted');
  if (!isConnected) {
    throw new AppError('session_not_connected', 'only a connected session can fetch the file', {
      outcome: 'not_sent',
    });
  }
  return true;
}
