import { Injectable } from '@nestjs/common';
import { Database } from '#database';
import type { MediaState } from './stored-media.js';

/** A file that waits in WhatsApp, claimed by this process for a while. */
export interface MediaJob {
  tenantId: string;
  id: string;
  sessionId: string;
  epoch: number;
  nodeName: string;
  nodeUrl: string;
  waKey: string;
  objectKey: string;
  mimeType: string;
  filename: string | null;
  /** Attempts before this one. */
  attempts: number;
}

export interface JobEnd {
  state: MediaState;
  /** Counts as an attempt. */
  counts: boolean;
  /** For `pending`: when to try next. */
  waitMs: number;
  error: string | null;
  file?: { size: number; sha256: string; mimeType: string; filename: string | null };
}

const MOST_PER_NODE = 4;
/** Longer than the longest download: after that the process that claimed it is taken to be gone. */
export const CLAIM_SECONDS = 900;

/** One per session and a few per node, the oldest first; only of sessions that are connected. */
const CLAIM = {
  name: 'media_jobs_claim',
  text: `WITH ready AS (
      SELECT DISTINCT ON (d.session_id) d.tenant_id, d.id, d.created_at, s.epoch, n.name AS node_name, n.url
      FROM media d
      JOIN sessions s ON s.tenant_id = d.tenant_id AND s.id = d.session_id
        AND s.state = 'connected' AND s.desired = 'running'
      JOIN nodes n ON n.name = s.node_name AND n.last_seen_at > now() - interval '20 s'
      WHERE d.state = 'pending' AND d.next_attempt_at <= now() AND (d.claimed_until IS NULL OR d.claimed_until < now())
        AND NOT EXISTS (SELECT FROM media o WHERE o.session_id = d.session_id AND o.state = 'pending'
          AND o.claimed_until > now())
      ORDER BY d.session_id, d.created_at
    ), placed AS (
      SELECT ready.*, row_number() OVER (PARTITION BY node_name ORDER BY created_at) AS place,
        (SELECT count(*) FROM media o JOIN sessions s ON s.tenant_id = o.tenant_id AND s.id = o.session_id
          WHERE o.state = 'pending' AND o.claimed_until > now() AND s.node_name = ready.node_name) AS running
      FROM ready
    ), chosen AS (
      SELECT d.tenant_id, d.id, p.epoch, p.node_name, p.url FROM placed p
      JOIN media d ON d.tenant_id = p.tenant_id AND d.id = p.id
      WHERE p.place + p.running <= ${String(MOST_PER_NODE)} FOR UPDATE OF d SKIP LOCKED
    )
    UPDATE media d SET claimed_until = now() + make_interval(secs => ${String(CLAIM_SECONDS)})
    FROM chosen c WHERE d.tenant_id = c.tenant_id AND d.id = c.id AND d.state = 'pending'
      AND (d.claimed_until IS NULL OR d.claimed_until < now())
    RETURNING d.tenant_id AS "tenantId", d.id, d.session_id AS "sessionId", c.epoch, c.node_name AS "nodeName",
      c.url AS "nodeUrl", d.wa_key AS "waKey", d.object_key AS "objectKey", d.mime_type AS "mimeType", d.filename,
      d.attempts`,
};

const END = {
  name: 'media_job_end',
  text: `UPDATE media SET state = $3, error = $4, claimed_until = NULL, attempts = attempts + $5,
      next_attempt_at = CASE WHEN $3 = 'pending' THEN now() + make_interval(secs => $6 / 1000.0) END,
      size = coalesce($7, size), sha256 = coalesce($8, sha256), mime_type = coalesce($9, mime_type),
      filename = coalesce($10, filename), stored_at = CASE WHEN $3 = 'stored' THEN now() ELSE stored_at END
    WHERE tenant_id = $1 AND id = $2`,
};

const COUNT_BYTES = {
  name: 'media_count_bytes',
  text: `INSERT INTO usage_daily AS u (tenant_id, day, session_id, shard, media_bytes)
    SELECT $1, (now() AT TIME ZONE 'utc')::date, s.id, floor(random() * 16), $3
    FROM (VALUES (''), ($2)) AS s (id) ORDER BY s.id
    ON CONFLICT (tenant_id, day, session_id, shard) DO UPDATE SET media_bytes = u.media_bytes + excluded.media_bytes`,
};

/** The queue of files that wait in WhatsApp, of all tenants. */
@Injectable()
export class MediaJobRepository {
  constructor(private readonly database: Database) {}

  claim(): Promise<MediaJob[]> {
    return this.database.workerSql((query) => query<MediaJob & object>(CLAIM));
  }

  async end(job: MediaJob, end: JobEnd): Promise<void> {
    const { file } = end;
    await this.database.workerSql(async (query) => {
      await query(END, [
        job.tenantId,
        job.id,
        end.state,
        end.error,
        end.counts ? 1 : 0,
        end.waitMs,
        file?.size ?? null,
        file?.sha256 ?? null,
        file?.mimeType ?? null,
        file?.filename ?? null,
      ]);
      if (file) await query(COUNT_BYTES, [job.tenantId, job.sessionId, file.size]);
    });
  }

  /** Puts a file that was given up, or expired, back into the queue. False: it is stored, or waits already. */
  async again(tenantId: string, id: string): Promise<boolean> {
    const rows = await this.database.tenantSql(tenantId, (query) =>
      query(
        `UPDATE media SET state = 'pending', attempts = 0, error = NULL, claimed_until = NULL, next_attempt_at = now()
         WHERE tenant_id = $1 AND id = $2 AND source = 'inbound' AND state IN ('failed', 'expired') RETURNING id`,
        [tenantId, id],
      ),
    );
    return rows.length > 0;
  }
}
