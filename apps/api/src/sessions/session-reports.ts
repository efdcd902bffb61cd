import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type { Logger } from 'pino';
import type { SessionSnapshot } from '#contracts';
import type { Query } from '#database';
import { EventLog, type NewEvent } from '../events/index.js';
import { LOGGER } from '../http/index.js';
import { NodeFactHandlers, stateChanged, type FactOf, type StoredSession } from '../nodes/index.js';
import { SessionEndings } from './session-endings.js';

/** Channel on which the dispatcher hears that a session (the payload) may have something to send. */
export const QUEUE_CHANNEL = 'wagate_queue';

/**
 * A report can be overtaken on its way (heartbeat, event and answer to a command travel apart). One that is older than
 * what arrived within this time is left out; after that time the node's clock may have been set back, so it counts.
 */
const OVERTAKING_MS = 10_000;

/** Writes down what nodes report of the state of sessions. */
@Injectable()
export class SessionReports implements OnModuleInit {
  constructor(
    private readonly handlers: NodeFactHandlers,
    private readonly endings: SessionEndings,
    private readonly events: EventLog,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onModuleInit(): void {
    this.handlers.register('session.state', (tx, session, facts) => this.record(tx, session, facts));
  }

  private async record(tx: Query, session: StoredSession, facts: FactOf<'session.state'>[]): Promise<void> {
    const known = { ...session };
    for (const { snapshot } of facts) {
      if (!isNews(known, snapshot)) continue;
      await this.write(tx, known, snapshot);
      apply(known, snapshot);
    }
  }

  private async write(tx: Query, known: StoredSession, snapshot: SessionSnapshot): Promise<void> {
    await tx({ name: 'session_report', text: REPORT }, [
      known.tenantId,
      known.id,
      snapshot.state,
      snapshot.reason,
      snapshot.action,
      snapshot.detail,
      snapshot.since,
      snapshot.provenAt,
      snapshot.me?.phone ?? null,
      snapshot.me?.waId ?? null,
      snapshot.me?.lid ?? null,
      snapshot.me?.name ?? null,
      isOver(snapshot),
      isUnlinked(snapshot),
      isLinked(snapshot),
    ]);
    this.log(known, snapshot);
    await this.events.append(tx, eventsOf(known, snapshot));
    if (endsLink(known, snapshot)) await this.endings.end(tx, known, 'session_logged_out');
    if (snapshot.state === 'connected' && known.state !== 'connected') {
      await tx(`SELECT pg_notify('${QUEUE_CHANNEL}', $1)`, [known.id]);
    }
  }

  private log(known: StoredSession, { state, reason }: SessionSnapshot): void {
    if (known.state === state && known.reason === reason) return;
    const { tenantId, id: sessionId, nodeName, epoch } = known;
    this.logger.info({ tenantId, sessionId, nodeName, epoch, state, reason }, 'session state');
  }
}

/** The identity of the last link is kept, to be compared with that of the next. */
const REPORT = `UPDATE sessions SET state = $3, reason = $4, action = $5, detail = $6, since = $7,
    proven_at = coalesce($8, proven_at), phone = coalesce($9, phone), wa_id = coalesce($10, wa_id),
    lid = CASE WHEN $9::text IS NULL THEN lid ELSE $11 END,
    profile_name = CASE WHEN $9::text IS NULL THEN profile_name ELSE coalesce($12, profile_name) END,
    linked_at = CASE WHEN $14 THEN NULL WHEN $15 THEN coalesce(linked_at, now()) ELSE linked_at END,
    desired = CASE WHEN $13 AND desired = 'running' THEN 'stopped' ELSE desired END,
    reported_since = $7, reported_at = now(), updated_at = CASE WHEN state = $3 AND reason = $4 THEN updated_at ELSE now() END
  WHERE tenant_id = $1 AND id = $2`;

function isNews(known: StoredSession, snapshot: SessionSnapshot): boolean {
  // A node that closes what is logged out reports `stopped`; that the link is gone says more.
  if (known.state === 'logged_out' && snapshot.state === 'stopped') return false;
  if (known.reportedSince === null || known.reportedAgoMs === null) return true;
  return Date.parse(snapshot.since) >= known.reportedSince.getTime() || known.reportedAgoMs > OVERTAKING_MS;
}

/** A session that ended for good is not run again until someone starts it. */
function isOver({ state, reason }: SessionSnapshot): boolean {
  return state === 'logged_out' || reason === 'link_expired';
}

/** A login that shows a QR code has none, whatever was known of it. */
function isUnlinked({ state }: SessionSnapshot): boolean {
  return state === 'logged_out' || state === 'pairing';
}

function isLinked({ state, me }: SessionSnapshot): boolean {
  return me !== null && (state === 'connected' || state === 'connecting' || state === 'interrupted');
}

/** What waits was meant for a login that is gone: it was logged out, or another number is linked now. */
function endsLink(known: StoredSession, { state, me }: SessionSnapshot): boolean {
  if (state === 'logged_out') return known.state !== 'logged_out';
  return me !== null && known.phone !== null && known.phone !== me.phone;
}

function eventsOf(known: StoredSession, snapshot: SessionSnapshot): NewEvent[] {
  const { tenantId, id } = known;
  const { state, reason, action, since, me } = snapshot;
  const about = { tenantId, sessionId: id };
  const events: NewEvent[] = [];
  if (known.state !== state || known.reason !== reason) {
    events.push(stateChanged({ tenantId, id, state, reason, action, since: new Date(since) }));
  }
  if (known.linkedAt === null && isLinked(snapshot)) {
    events.push({ ...about, type: 'session.linked', data: { me } });
  }
  if (state === 'logged_out' && known.state !== 'logged_out') {
    events.push({ ...about, type: 'session.logged_out', data: { reason, action } });
  }
  return events;
}

function apply(known: StoredSession, snapshot: SessionSnapshot): void {
  known.state = snapshot.state;
  known.reason = snapshot.reason;
  known.reportedSince = new Date(snapshot.since);
  known.reportedAgoMs = 0;
  if (isUnlinked(snapshot)) known.linkedAt = null;
  else if (isLinked(snapshot)) known.linkedAt ??= new Date(snapshot.since);
  if (snapshot.me !== null) known.phone = snapshot.me.phone;
}
