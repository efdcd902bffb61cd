import { Injectable } from '@nestjs/common';
import type { AuthContext } from '../auth/index.js';
import { SessionLookup } from '../sessions/index.js';
import type { Usage, UsageCounts, UsageQuery } from './usage.dto.js';
import { UsageRepository } from './usage-repository.js';

/** What a tenant sent and received. */
@Injectable()
export class UsageService {
  constructor(
    private readonly usage: UsageRepository,
    private readonly sessions: SessionLookup,
  ) {}

  async get(auth: AuthContext, query: UsageQuery): Promise<Usage> {
    const session = query.session === undefined ? null : await this.sessions.resolve(auth, query.session);
    const data = await this.usage.list(auth.tenantId, query, session ? [session.id] : auth.sessionIds);
    const { from, to, granularity } = query;
    return { from, to, granularity, data, total: sumOf(data) };
  }
}

function sumOf(rows: UsageCounts[]): UsageCounts {
  const total = { accepted: 0, sent: 0, delivered: 0, failed: 0, received: 0, mediaBytes: 0 };
  for (const row of rows) {
    total.accepted += row.accepted;
    total.sent += row.sent;
    total.delivered += row.delivered;
    total.failed += row.failed;
    total.received += row.received;
    total.mediaBytes += row.mediaBytes;
  }
  return total;
}
