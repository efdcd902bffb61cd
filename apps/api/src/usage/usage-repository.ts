import { Injectable } from '@nestjs/common';
import { Database } from '#database';
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

/** Rows of `usage_daily`. */
@Injectable()
export class UsageRepository {
  constructor(private readonly database: Database) {}

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

/** session_id '' holds the tenant's own count of accepted messages, which the sessions' rows sum up to. */
const LIST = `SELECT to_char(day, $4) AS period, CASE WHEN $5::boolean THEN session_id END AS session_id,
    sum(accepted) AS accepted, sum(sent) AS sent, sum(delivered) AS delivered, sum(failed) AS failed,
    sum(received) AS received, sum(media_bytes) AS media_bytes
  FROM usage_daily
  WHERE tenant_id = $1 AND day BETWEEN $2::date AND $3::date AND session_id <> ''
    AND ($6::text[] IS NULL OR session_id = ANY ($6))
  GROUP BY 1, 2 ORDER BY 1, 2`;
