import { Injectable } from '@nestjs/common';
import type { Pacing } from '#contracts';
import { Database, type Query } from '#database';

/** What of a session a forecast needs. Times are milliseconds since 1970, by the database's clock. */
export interface PacedQueue {
  nowMs: number;
  /** When its gap is over or a cap has room again; null: now, or nobody knows. */
  nextMs: number | null;
  /** Ends of the attempts that count, of the last 24 hours, the oldest first; one under way ends now. */
  handOvers: number[];
  /** Of these, those to people who had never written. */
  strangerHandOvers: number[];
}

/** How many messages stand before one in its session's queue. */
export interface QueuePlace {
  id: string;
  ahead: number;
  /** Of these, those to people who never wrote; null: it is not to such a person itself. */
  strangersAhead: number | null;
}

/** A message that is not in the queue yet. */
export interface NewcomerPlace {
  chatId: string;
  priority: number;
}

/** Looking whether somebody is a stranger costs; further back in a queue the caps decide anyway. */
const MOST_STRANGERS_LOOKED_AT = 500;
const MOST_LOOKED_AT = 50_000;

const QUEUE = {
  name: 'pacing_queue',
  text: `SELECT extract(epoch FROM now())::float8 * 1000 AS "nowMs",
      (SELECT nullif(extract(epoch FROM a.next_at), 'infinity')::float8 * 1000
        FROM wagate_pacing_allowance($2, $3::jsonb, $4, 1, now()) a WHERE a.room = 0) AS "nextMs",
      coalesce(h.all_ms, '{}') AS "handOvers", coalesce(h.strangers_ms, '{}') AS "strangerHandOvers"
    FROM (SELECT array_agg(u.ms ORDER BY u.ms) AS all_ms,
        array_agg(u.ms ORDER BY u.ms) FILTER (WHERE u.stranger) AS strangers_ms
      FROM (SELECT extract(epoch FROM coalesce(a.ended_at, now()))::float8 * 1000 AS ms, a.stranger
        FROM message_attempts a WHERE a.tenant_id = $1 AND a.session_id = $2 AND a.paced
          AND a.outcome IS DISTINCT FROM 'not_sent'
          AND coalesce(a.ended_at, timestamptz 'infinity') > now() - interval '86400 s') u) h`,
};
/** Numbers the queue in the order in which it leaves. */
const PLACES = {
  name: 'pacing_places',
  text: `SELECT p.id, p.ahead, CASE WHEN p.stranger THEN p.strangers - 1 END AS "strangersAhead" FROM (
      SELECT n.id, n.ahead, n.stranger, (count(*) FILTER (WHERE n.stranger) OVER (ORDER BY n.ahead))::int AS strangers
      FROM (SELECT m.id, (row_number() OVER (ORDER BY m.priority DESC, m.id))::int - 1 AS ahead,
          $4 AND row_number() OVER (ORDER BY m.priority DESC, m.id) <= ${String(MOST_STRANGERS_LOOKED_AT)}
            AND wagate_is_stranger(m.tenant_id, m.session_id, m.chat_wa_id) AS stranger
        FROM (SELECT q.tenant_id, q.session_id, q.id, q.chat_wa_id, q.priority FROM messages q
          WHERE q.tenant_id = $1 AND q.session_id = $2 AND q.status = 'queued'
          ORDER BY q.priority DESC, q.id LIMIT ${String(MOST_LOOKED_AT)}) m) n) p
    WHERE p.id = ANY ($3)`,
};
const NEWCOMER = {
  name: 'pacing_newcomer',
  text: `SELECT '' AS id, count(*)::int AS ahead, CASE WHEN $5 AND wagate_is_stranger($1, $2, $4)
      THEN (count(*) FILTER (WHERE n.place <= ${String(MOST_STRANGERS_LOOKED_AT)}
        AND wagate_is_stranger($1, $2, n.chat)))::int END AS "strangersAhead"
    FROM (SELECT m.chat_wa_id AS chat, row_number() OVER () AS place FROM messages m
      WHERE m.tenant_id = $1 AND m.session_id = $2 AND m.status = 'queued' AND m.priority >= $3
      LIMIT ${String(MOST_LOOKED_AT)}) n`,
};

/** Reads what forecasts need. */
@Injectable()
export class PacingRepository {
  constructor(private readonly database: Database) {}

  /** In one transaction: the queue and the places in it, of messages by their ids, or of one to come. */
  read(
    session: { tenantId: string; id: string; linkedAt: Date | null },
    policy: Partial<Pacing>,
    wanted: string[] | NewcomerPlace,
  ): Promise<{ queue: PacedQueue; places: QueuePlace[] }> {
    const { tenantId, id } = session;
    const countsStrangers = policy.strangersPerDay != null;
    return this.database.tenantSql(tenantId, async (query: Query) => {
      const [queue] = await query<PacedQueue & object>(QUEUE, [
        tenantId,
        id,
        JSON.stringify(policy),
        session.linkedAt,
      ]);
      const places = Array.isArray(wanted)
        ? await query<QueuePlace & object>(PLACES, [tenantId, id, wanted, countsStrangers])
        : await query<QueuePlace & object>(NEWCOMER, [
            tenantId,
            id,
            wanted.priority,
            wanted.chatId,
            countsStrangers,
          ]);
      return { queue: queue ?? emptyQueue(), places };
    });
  }
}

function emptyQueue(): PacedQueue {
  return { nowMs: Date.now(), nextMs: null, handOvers: [], strangerHandOvers: [] };
}
