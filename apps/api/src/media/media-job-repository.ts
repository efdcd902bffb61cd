import { Injectable } from '@nestjs/common';
import { Database } from '#database';
import { ApiProcess } from '../api-process.js';
import { EventLog } from '../events/index.js';
import { eventsOf, type JobEnd, type MediaJob } from './media-job.js';
import { CLAIM_SECONDS } from './media-schedule.js';

const MOST_PER_NODE = 4;

/**
 * Frees what nobody is at: claims of processes that are gone, known by their having no connection left, and of this
 * one ($1) beyond the files it knows of ($2). What carries no name was claimed by an earlier version, and runs out.
 */
const FREE_ORPHANS = {
  name: 'media_jobs_free',
  text: `UPDATE media SET claimed_until = NULL, claimed_by = NULL
    WHERE state = 'pending' AND claimed_until IS NOT NULL AND CASE WHEN claimed_by = $1 THEN id <> ALL ($2::text[])
      ELSE claimed_by <> ALL (
        SELECT application_name FROM pg_stat_activity WHERE application_name LIKE 'wagate-api-%') END`,
};

const RELEASE = {
  name: 'media_jobs_release',
  text: `UPDATE media SET claimed_until = NULL, claimed_by = NULL
    WHERE state = 'pending' AND claimed_until IS NOT NULL AND claimed_by = $1 RETURNING id`,
};

/**
 * One per session and a few per node, the oldest first; only of sessions that are connected. Begins with these and looks
 * up the next file of each, so what it costs does not grow with what waits.
 */
const CLAIM = {
  name: 'media_jobs_claim',
  text: `WITH ready AS (
      SELECT d.tenant_id, d.id, d.created_at, s.epoch, n.name AS node_name, n.url
      FROM nodes n
      JOIN sessions s ON s.node_name = n.name AND s.state = 'connected' AND s.desired = 'running'
      CROSS JOIN LATERAL (
        SELECT w.tenant_id, w.id, w.created_at FROM media w
        WHERE w.tenant_id = s.tenant_id AND w.session_id = s.id AND w.state = 'pending'
          AND w.next_attempt_at <= now() AND (w.claimed_until IS NULL OR w.claimed_until < now())
        ORDER BY w.created_at LIMIT 1
      ) d
      WHERE n.last_seen_at > now() - interval '20 s'
        AND NOT EXISTS (SELECT FROM media o WHERE o.session_id = s.id AND o.state = 'pending'
          AND o.claimed_until > now())
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
    UPDATE media d SET claimed_by = $1, claimed_until = now() + make_interval(secs => ${String(CLAIM_SECONDS)})
    FROM chosen c WHERE d.tenant_id = c.tenant_id AND d.id = c.id AND d.state = 'pending'
      AND (d.claimed_until IS NULL OR d.claimed_until < now())
    RETURNING d.tenant_id AS "tenantId", d.id, d.session_id AS "sessionId", c.epoch, c.node_name AS "nodeName",
      c.url AS "nodeUrl", d.wa_key AS "waKey", d.object_key AS "objectKey", d.mime_type AS "mimeType", d.filename,
      d.size::float8 AS size, d.sha256, d.attempts, d.error AS "lastError"`,
};

/** Only while it is ours: what another process has taken over meanwhile, that one ends. */
const END = {
  name: 'media_job_end',
  text: `UPDATE media d SET state = $3, error = $4, claimed_until = NULL, claimed_by = NULL, attempts = attempts + $5,
      next_attempt_at = CASE WHEN $3 = 'pending' THEN now() + make_interval(secs => $6 / 1000.0) END,
      size = coalesce($7, size), sha256 = coalesce($8, sha256), mime_type = coalesce($9, mime_type),
      filename = coalesce($10, filename), stored_at = CASE WHEN $3 = 'stored' THEN now() ELSE stored_at END
    WHERE tenant_id = $1 AND id = $2 AND state = 'pending' AND claimed_by = $11
    RETURNING (SELECT m.id FROM messages m WHERE m.tenant_id = d.tenant_id AND m.media_id = d.id
      ORDER BY m.id LIMIT 1) AS "messageId"`,
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
  constructor(
    private readonly database: Database,
    private readonly self: ApiProcess,
    private readonly events: EventLog,
  ) {}

  /** Takes what is due. */
  claim(): Promise<MediaJob[]> {
    return this.database.workerSql((query) => query<MediaJob & object>(CLAIM, [this.self.name]));
  }

  /** Makes due again what a process had taken that is gone, or this one beside the files named. */
  async freeOrphans(own: string[]): Promise<void> {
    await this.database.workerSql((query) => query(FREE_ORPHANS, [this.self.name, own]));
  }

  /** Writes what came of a job, with what is told of it. False: it is no longer this process's. */
  async end(job: MediaJob, end: JobEnd): Promise<boolean> {
    const { file } = end;
    return this.database.workerSql(async (query) => {
      const [ended] = await query<{ messageId: string | null }>(END, [
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
        this.self.name,
      ]);
      if (!ended) return false;
      if (file) await query(COUNT_BYTES, [job.tenantId, job.sessionId, file.size]);
      await this.events.append(query, eventsOf(job, end, ended.messageId));
      return true;
    });
  }

  /** Gives back all that this process has claimed; resolves with how many files that are. */
  async release(): Promise<number> {
    const rows = await this.database.workerSql((query) => query(RELEASE, [this.self.name]));
    return rows.length;
  }
}
