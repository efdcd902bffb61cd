import { Injectable } from '@nestjs/common';
import { Database, type Query } from '#database';
import { applyAck } from '../message-progress.js';
import { MessageChanges, STATE_COLUMNS, type MessageChange, type MessageState } from '../message-changes.js';
import { attemptKey, AttemptRepository, type AttemptHistory, type AttemptKey } from './attempt-repository.js';
import { fail, withEnd } from './attempt-results.js';

/** An attempt whose message has to be looked up in its chat. */
export interface LookupTarget {
  tenantId: string;
  sessionId: string;
  epoch: number;
  nodeUrl: string;
  messageId: string;
  attempt: number;
  waMessageId: string;
  chatId: string;
  bootId: string;
}

/** What a look found of one message. */
export type LookupFinding =
  | { target: LookupTarget; finding: 'found'; waKey: string; ack: number; at: Date }
  | { target: LookupTarget; finding: 'never_started' };

/** First look at once, then after 5 s, 10 s, 20 s, and every 60 s: a session that comes back is asked within that. */
const DUE = {
  name: 'lookups_due',
  text: `WITH due AS (
      SELECT a.tenant_id, a.message_id, a.number, s.epoch, n.url FROM message_attempts a
      JOIN sessions s ON s.tenant_id = a.tenant_id AND s.id = a.session_id
        AND s.state = 'connected' AND s.desired = 'running'
      JOIN nodes n ON n.name = s.node_name AND n.last_seen_at > now() - interval '20 s'
      WHERE a.lookup_at <= now() ORDER BY a.lookup_at LIMIT 500 FOR UPDATE OF a SKIP LOCKED
    )
    UPDATE message_attempts a SET lookups = least(a.lookups + 1, 30000),
      lookup_at = CASE WHEN m.status = 'unknown'
        THEN now() + make_interval(secs => least(60, 5 * 2 ^ least(a.lookups, 10))) END
    FROM due JOIN messages m ON m.tenant_id = due.tenant_id AND m.id = due.message_id
    WHERE a.tenant_id = due.tenant_id AND a.message_id = due.message_id AND a.number = due.number
    RETURNING a.tenant_id AS "tenantId", a.session_id AS "sessionId", due.epoch, due.url AS "nodeUrl",
      a.message_id AS "messageId", a.number AS attempt, a.wa_message_id AS "waMessageId", m.chat_wa_id AS "chatId",
      a.node_boot_id AS "bootId", m.status = 'unknown' AS "isOpen"`,
};

const LOCK = {
  name: 'lookups_lock',
  text: `SELECT ${STATE_COLUMNS}, r.number FROM unnest($1::text[], $2::text[], $3::int[]) AS r (tenant_id, id, number)
    JOIN messages m ON m.tenant_id = r.tenant_id AND m.id = r.id ORDER BY m.tenant_id, m.id FOR UPDATE OF m`,
};

const END_LOOKUPS = {
  name: 'lookups_end',
  text: `UPDATE message_attempts a SET lookup_at = NULL, outcome = r.outcome, reason = r.reason
    FROM unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::text[]) AS r (tenant_id, id, number, outcome, reason)
    WHERE a.tenant_id = r.tenant_id AND a.message_id = r.id AND a.number = r.number`,
};

/** Finds out what became of messages of any tenant that nobody answers for. */
@Injectable()
export class ReconcileRepository {
  constructor(
    private readonly database: Database,
    private readonly changes: MessageChanges,
    private readonly attempts: AttemptRepository,
  ) {}

  /** Takes what is due to be looked up, in sessions that are connected. */
  async takeDue(): Promise<LookupTarget[]> {
    const due = await this.database.workerSql((query) => query<LookupTarget & { isOpen: boolean }>(DUE));
    return due.filter(({ isOpen }) => isOpen);
  }

  /** Writes what was found; resolves with the ids of the messages concerned. */
  async record(findings: readonly LookupFinding[]): Promise<void> {
    if (findings.length === 0) return;
    await this.database.workerSql((query) => this.recordIn(query, findings));
  }

  private async recordIn(query: Query, findings: readonly LookupFinding[]): Promise<void> {
    const keys = findings.map(({ target }): AttemptKey => target);
    const [rows, histories] = await Promise.all([
      query<MessageState & { number: number }>(LOCK, [
        keys.map((key) => key.tenantId),
        keys.map((key) => key.messageId),
        keys.map((key) => key.attempt),
      ]),
      this.attempts.read(query, keys),
    ]);
    const byKey = new Map(
      findings.map((finding) => [attemptKey(finding.target.messageId, finding.target.attempt), finding]),
    );
    const now = new Date();
    const changes: MessageChange[] = [];
    const ended: { target: LookupTarget; outcome: string; reason: string | null }[] = [];
    for (const before of rows) {
      const key = attemptKey(before.id, before.number);
      const finding = byKey.get(key);
      if (!finding) continue;
      const after = settleFinding(before, finding, histories.get(key), now);
      if (after !== before) changes.push({ before, after });
      if (finding.finding === 'never_started') {
        ended.push({ target: finding.target, outcome: 'not_sent', reason: 'never_started' });
      } else if (after.status !== 'unknown')
        ended.push({ target: finding.target, outcome: 'handed', reason: null });
    }
    await this.changes.save(query, changes);
    await query(END_LOOKUPS, [
      ended.map(({ target }) => target.tenantId),
      ended.map(({ target }) => target.messageId),
      ended.map(({ target }) => target.attempt),
      ended.map(({ outcome }) => outcome),
      ended.map(({ reason }) => reason),
    ]);
  }
}

/**
 * What a finding makes of a message. Found: its ack decides, and with ack 0 it stays unknown, as WhatsApp Web may
 * still send it. Never started: it certainly did not leave, and it leaves under another id next time, because the node
 * will refuse this one for good.
 */
function settleFinding(
  message: MessageState & { number: number },
  finding: LookupFinding,
  history: AttemptHistory | undefined,
  now: Date,
): MessageState {
  if (finding.finding === 'found') {
    const known = { ...message, waKey: message.waKey ?? finding.waKey };
    const progress = applyAck(known, finding.ack, finding.at);
    return withEnd({ ...known, ...progress }, now);
  }
  if (message.status !== 'unknown' || message.claims !== message.number) return message;
  if (history?.sessionEnd) return fail(message, history.sessionEnd, now);
  return { ...message, status: 'queued', waMessageId: null, dueAt: now };
}
