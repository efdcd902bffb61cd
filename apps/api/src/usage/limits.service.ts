import { Inject, Injectable } from '@nestjs/common';
import { Database } from '#database';
import { AppError } from '#kernel';
import type { AuthContext } from '../auth/index.js';
import { API_CONFIG, type ApiConfig } from '../config.js';
import type { Limits } from './limits.dto.js';

interface LimitsRow {
  max_sessions: number;
  daily: number | null;
  session_daily: number | null;
  accepted: string;
}

/** What a tenant may do, and how much of it is used. */
@Injectable()
export class LimitsService {
  constructor(
    private readonly database: Database,
    @Inject(API_CONFIG) private readonly config: ApiConfig,
  ) {}

  async get(auth: AuthContext): Promise<Limits> {
    const [row] = await this.database.tenantSql(auth.tenantId, (query) =>
      query<LimitsRow>(READ, [auth.tenantId]),
    );
    if (!row) throw new AppError('not_found', 'this tenant no longer exists');
    const accepted = Number(row.accepted);
    return {
      rate: {
        key: { limit: auth.limits.keyPerMinute ?? this.config.KEY_REQUESTS_PER_MINUTE, windowSeconds: 60 },
        tenant: {
          limit: auth.limits.tenantPerMinute ?? this.config.TENANT_REQUESTS_PER_MINUTE,
          windowSeconds: 60,
        },
      },
      messages: {
        dailyLimit: row.daily,
        sessionDailyLimit: row.session_daily,
        acceptedToday: accepted,
        remainingToday: row.daily === null ? null : Math.max(0, row.daily - accepted),
        resetsAt: new Date(new Date().setUTCHours(24, 0, 0, 0)).toISOString(),
      },
      sessions: { limit: row.max_sessions },
    };
  }
}

const READ = {
  name: 'limits_read',
  text: `SELECT t.max_sessions, t.daily_message_limit AS daily, t.session_daily_message_limit AS session_daily,
           (SELECT coalesce(sum(accepted), 0) FROM usage_daily
            WHERE tenant_id = $1 AND day = (now() AT TIME ZONE 'utc')::date AND session_id = '') AS accepted
         FROM tenants t WHERE t.id = $1`,
};
