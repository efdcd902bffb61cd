import { Injectable } from '@nestjs/common';
import type { SendOutcome } from '#contracts';
import type { Query } from '#database';
import type { SessionEndCode } from '../../sessions/index.js';

/** Names one attempt to send a message. */
export interface AttemptKey {
  tenantId: string;
  messageId: string;
  attempt: number;
}

/** What an attempt's row and those before it say. */
export interface AttemptHistory {
  /** It is there, and nobody has noted how it ended. */
  isOpen: boolean;
  /** The session ended since the claim: the message must not go back to the queue. */
  sessionEnd: SessionEndCode | null;
  /** Earlier attempts of the message that failed for a reason that counts. */
  failures: number;
  /** Earlier attempts during which the page died before the message was handed over. */
  crashes: number;
}

/** How an attempt is noted to have ended. */
export interface AttemptEnding extends AttemptKey {
  outcome: SendOutcome['outcome'];
  reason: string | null;
  /** Look for the message in the chat. */
  lookup: boolean;
}

const KEYS = 'unnest($1::text[], $2::text[], $3::int[]) AS r (tenant_id, id, number)';
const BY_KEY = 'a.tenant_id = r.tenant_id AND a.message_id = r.id AND a.number = r.number';
const EARLIER = 'o.tenant_id = r.tenant_id AND o.message_id = r.id AND o.number < r.number';

const READ = {
  name: 'attempts_read',
  text: `SELECT r.id, r.number, a.message_id IS NOT NULL AND a.ended_at IS NULL AS "isOpen",
      a.session_end AS "sessionEnd",
      CASE WHEN r.number > 1 THEN (SELECT count(*)::int FROM message_attempts o WHERE ${EARLIER}
        AND o.outcome = 'not_sent' AND o.reason NOT LIKE 'held: %') ELSE 0 END AS failures,
      CASE WHEN r.number > 1 THEN (SELECT count(*)::int FROM message_attempts o WHERE ${EARLIER}
        AND o.reason = 'page_crashed') ELSE 0 END AS crashes
    FROM ${KEYS} LEFT JOIN message_attempts a ON ${BY_KEY}`,
};
const END = {
  name: 'attempts_end',
  text: `UPDATE message_attempts a SET outcome = e.outcome, reason = e.reason, ended_at = now(),
      lookup_at = CASE WHEN e.lookup THEN now() END
    FROM jsonb_to_recordset($1::jsonb)
      AS e("tenantId" text, "messageId" text, attempt int, outcome text, reason text, lookup boolean)
    WHERE a.tenant_id = e."tenantId" AND a.message_id = e."messageId" AND a.number = e.attempt`,
};
const FORGET = {
  name: 'attempts_forget',
  text: `DELETE FROM message_attempts a USING ${KEYS} WHERE ${BY_KEY} AND a.outcome IS NULL`,
};
const NOTE_CALLS = {
  name: 'attempts_note_calls',
  text: `UPDATE message_attempts a SET called_at = coalesce(a.called_at, now()) FROM ${KEYS}
    WHERE ${BY_KEY} AND a.ended_at IS NULL AND a.claimed_by = $4
    RETURNING a.message_id AS "messageId", a.number AS attempt`,
};

const BOUND = { name: 'lock_wait_bound', text: `SELECT set_config('lock_timeout', $1, true)` };

/** The first statement of a transaction that waits for each row that others hold no longer than this. */
export async function boundLockWait(query: Query, lockWaitMs: number): Promise<void> {
  await query(BOUND, [`${String(lockWaitMs)}ms`]);
}

/** The attempts to send messages, of any tenants. Locks come after those of the messages. */
@Injectable()
export class AttemptRepository {
  /** Read after the messages are locked, so that what happened until then is seen. */
  async read(query: Query, keys: readonly AttemptKey[]): Promise<Map<string, AttemptHistory>> {
    const rows = await query<AttemptHistory & { id: string; number: number }>(READ, columns(keys));
    return new Map(rows.map((row) => [attemptKey(row.id, row.number), row]));
  }

  async end(query: Query, endings: readonly AttemptEnding[]): Promise<void> {
    if (endings.length > 0) await query(END, [JSON.stringify(endings)]);
  }

  /** As if they had never been, unless it is known already how they ended. */
  async forget(query: Query, keys: readonly AttemptKey[]): Promise<void> {
    if (keys.length > 0) await query(FORGET, columns(keys));
  }

  /** Notes that a process is about to call the node; resolves with those that are still its own to call. */
  async noteCalls(query: Query, process: string, keys: readonly AttemptKey[]): Promise<Set<string>> {
    const rows = await query<{ messageId: string; attempt: number }>(NOTE_CALLS, [...columns(keys), process]);
    return new Set(rows.map(({ messageId, attempt }) => attemptKey(messageId, attempt)));
  }
}

export function attemptKey(messageId: string, attempt: number): string {
  return `${messageId} ${String(attempt)}`;
}

function columns(keys: readonly AttemptKey[]): [string[], string[], number[]] {
  return [keys.map((key) => key.tenantId), keys.map((key) => key.messageId), keys.map((key) => key.attempt)];
}
