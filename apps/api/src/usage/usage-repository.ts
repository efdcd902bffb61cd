import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { asQuery, Database, type Query } from '#database';
import type { UsageCounts, UsageQuery } from './usage.dto.js';

interface UsageRow {
  period: string;
  session_id: string | null;
  accepted: string;
  sent: string;
  delivered: string;
  failed: string;
  received: string;
  media_bytes: string;
}

/** One row of usage. */
export interface PeriodUsage extends UsageCounts {
  period: string;
  sessionId: string | null;
}

/** Counters that others raise; `accepted` is raised by the daily cap. */
export type UsageChange = Partial<Omit<UsageCounts, 'accepted'>>;

const SHARDS = 16;

/** Rows of `usage_daily`. */
@Injectable()
export class UsageRepository {
  constructor(private readonly database: Database) {}

  /** Raises counters of today, in the caller's transaction; concurrent callers seldom wait for each other. */
  async add(
    tx: EntityManager | Query,
    tenantId: string,
    sessionId: string,
    change: UsageChange,
  ): Promise<void> {
    const { sent = 0, delivered = 0, failed = 0, received = 0, mediaBytes = 0 } = change;
    const shard = Math.floor(Math.random() * SHARDS);
    await asQuery(tx)(ADD, [tenantId, sessionId, shard, sent, delivered, failed, received, mediaBytes]);
  }

  /** Usage per period, oldest first. */
  async list(
    tenantId: string,
    query: UsageQuery,
    sessionIds: readonly string[] | null,
  ): Promise<PeriodUsage[]> {
    const values = [
      tenantId,
      query.from,
      query.to,
      query.granularity === 'day' ? 'YYYY-MM-DD' : 'YYYY-MM',
      query.by === 'session',
      query.session ?? null,
      sessionIds,
    ];
    const rows = await this.database.tenantSql(tenantId, (run) => run<UsageRow>(LIST, values));
    return rows.map((row) => ({
      period: row.period,
      sessionId: row.session_id,
      accepted: Number(row.accepted),
      sent: Number(row.sent),
      delivered: Number(row.delivered),
      failed: Number(row.failed),
      received: Number(row.received),
      mediaBytes: Number(row.media_bytes),
    }));
  }
}

const ADD = {
  name: 'usage_add',
  text: `INSERT INTO usage_daily AS u (tenant_id, day, session_id, shard, sent, delivered, failed, received, media_bytes)
    VALUES ($1, (now() AT TIME ZONE 'utc')::date, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (tenant_id, day, session_id, shard) DO UPDATE SET sent = u.sent + excluded.sent,
      delivered = u.delivered + excluded.delivered, failed = u.failed + excluded.failed,
      received = u.received + excluded.received, media_bytes = u.media_bytes + excluded.media_bytes`,
};

/** session_id '' holds the tenant's own count of accepted messages, which the sessions' rows sum up to. */
const LIST = `SELECT to_char(day, $4) AS period, CASE WHEN $5::boolean THEN session_id END AS session_id,
    sum(accepted) AS accepted, sum(sent) AS sent, sum(delivered) AS delivered, sum(failed) AS failed,
    sum(received) AS received, sum(media_bytes) AS media_bytes
  FROM usage_daily
  WHERE tenant_id = $1 AND day BETWEEN $2::date AND $3::date AND session_id <> ''
    AND ($6::text IS NULL OR session_id = $6) AND ($7::text[] IS NULL OR session_id = ANY ($7))
  GROUP BY 1, 2 ORDER BY 1, 2`;
