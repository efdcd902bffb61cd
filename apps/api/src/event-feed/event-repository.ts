import { Injectable } from '@nestjs/common';
import type { EventType } from '#contracts';
import { Database } from '#database';
import type { AuthContext } from '../auth/index.js';

/** An event with what its envelope shows of its session. */
export interface StoredEvent {
  id: string;
  seq: number;
  type: EventType;
  data: Record<string, unknown>;
  createdAt: Date;
  tenantId: string;
  sessionId: string | null;
  sessionName: string | null;
}

/** Whose eyes see the events: a key's, or a webhook's. */
export type EventViewer = Pick<AuthContext, 'tenantId' | 'mode' | 'sessionIds'>;

export interface EventFilter {
  /** Left out: of any type. */
  types?: readonly EventType[] | undefined;
  sessionId?: string | undefined;
}

export interface EventRange {
  /** Not part of it. */
  after: number;
  limit: number;
}

export interface EventSlice {
  /** Oldest first. */
  events: StoredEvent[];
  /** All up to this seq was looked at. */
  lastSeq: number;
  /** There are events behind it. */
  hasMore: boolean;
  /** `seq` of the newest event; 0 when there was none yet. */
  newestSeq: number;
}

/** Events that one look goes through at most, whatever the filter leaves of them. */
const WINDOW = 10_000;

const BOUNDS = {
  name: 'events_bounds',
  text: `SELECT c.last_seq::float8 AS last, (SELECT e.seq FROM events e WHERE e.tenant_id = $1 AND e.seq > $2
      ORDER BY e.seq LIMIT 1)::float8 AS first FROM event_counters c WHERE c.tenant_id = $1`,
};

/** An event of no session concerns all of them, so a viewer that is bound to some does not see it. */
const SLICE = {
  name: 'events_slice',
  text: `SELECT e.id, e.seq::float8 AS seq, e.type, e.data, e.created_at AS "createdAt", e.tenant_id AS "tenantId",
      e.session_id AS "sessionId", s.name AS "sessionName"
    FROM events e LEFT JOIN sessions s ON s.tenant_id = e.tenant_id AND s.id = e.session_id
    WHERE e.tenant_id = $1 AND e.seq > $4 AND e.seq <= $5
      AND CASE WHEN e.session_id IS NULL THEN $3::text[] IS NULL
        ELSE s.mode = $2 AND ($3::text[] IS NULL OR s.id = ANY($3)) END
      AND ($6::text[] IS NULL OR e.type = ANY($6)) AND ($7::text IS NULL OR e.session_id = $7)
    ORDER BY e.seq LIMIT $8`,
};

/** Reads the numbered events of one tenant, as far as the viewer may see them. */
@Injectable()
export class EventRepository {
  constructor(private readonly database: Database) {}

  /** `seq` of the newest event; 0 when there was none yet. */
  async lastSeq(tenantId: string): Promise<number> {
    const [row] = await this.database.tenantSql(tenantId, (query) =>
      query<{ last: number }>('SELECT last_seq::float8 AS last FROM event_counters WHERE tenant_id = $1', [
        tenantId,
      ]),
    );
    return row?.last ?? 0;
  }

  list(viewer: EventViewer, filter: EventFilter, { after, limit }: EventRange): Promise<EventSlice> {
    return this.database.tenantSql(viewer.tenantId, async (query) => {
      const [bounds] = await query<{ last: number; first: number | null }>(BOUNDS, [viewer.tenantId, after]);
      const newestSeq = bounds?.last ?? 0;
      if (!bounds || bounds.first === null) return { events: [], lastSeq: after, hasMore: false, newestSeq };
      const to = Math.min(bounds.first - 1 + WINDOW, bounds.last);
      const { types = null, sessionId = null } = filter;
      const events = await query<StoredEvent & object>(SLICE, [
        viewer.tenantId,
        viewer.mode,
        viewer.sessionIds,
        after,
        to,
        types,
        sessionId,
        limit + 1,
      ]);
      const shown = events.slice(0, limit);
      const isCut = events.length > limit;
      const lastSeq = isCut ? (shown.at(-1)?.seq ?? after) : to;
      return { events: shown, lastSeq, hasMore: isCut || to < bounds.last, newestSeq };
    });
  }
}
