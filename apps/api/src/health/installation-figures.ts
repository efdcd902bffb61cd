import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { Gauge } from 'prom-client';
import { SESSION_STATES } from '#contracts';
import { Database, type Query } from '#database';
import { Clock, withDeadline } from '#kernel';
import { LOGGER } from '../http/index.js';
import { NODE_LOST_MS } from '../nodes/index.js';
import { Metrics } from './metrics.js';

/** Rows that are counted at the most, of messages of a status and of events. */
const COUNTED_AT_MOST = 50_000;
const MOST_SESSIONS = 10_000;
/** Anyone may scrape, so the database is asked at most this often. */
const REMEMBER_MS = 2_000;
const READ_TIMEOUT_MS = 4_000;
const STATEMENT_TIMEOUT_MS = 2_000;

const OPEN_STATUSES = ['queued', 'sending', 'unknown'] as const;
/** What a session with messages in its queue is at: sending them, paused, or not connected. */
const QUEUE_STATES = ['sending', 'paused', 'not_connected'] as const;

/** As in the view of a session: a connection that nobody proved lately is none. */
const UNPROVEN = `s.state = 'connected'
  AND (s.reported_at IS NULL OR s.reported_at < now() - interval '${String(NODE_LOST_MS)} ms')`;
const STATE = `CASE WHEN ${UNPROVEN} THEN 'interrupted' ELSE s.state END`;
const REASON = `CASE WHEN ${UNPROVEN} THEN 'probe_failed' ELSE s.reason END`;

const SESSIONS = {
  name: 'figures_sessions',
  text: `SELECT ${STATE} AS state, ${REASON} AS reason, count(*)::int AS count FROM sessions s
    WHERE s.desired <> 'deleted' GROUP BY 1, 2`,
};

/** Session by session, as the indexes of what is open are ordered: one by status would be read whole. */
const countOf = (statuses: string) => `SELECT m.status, count(*)::int AS count FROM (
    SELECT o.status FROM sessions s CROSS JOIN LATERAL (
      SELECT f.status FROM messages f WHERE f.tenant_id = s.tenant_id AND f.session_id = s.id
        AND f.status IN (${statuses}) LIMIT ${String(COUNTED_AT_MOST)}
    ) o LIMIT ${String(COUNTED_AT_MOST)}
  ) m GROUP BY m.status`;

const OPEN = {
  name: 'figures_open_messages',
  text: `${countOf(`'queued'`)} UNION ALL ${countOf(`'sending', 'unknown'`)}`,
};

/** The first one of each session, from an index in the order of ids, which is that of time. */
const OLDEST_QUEUED = {
  name: 'figures_oldest_queued',
  text: `SELECT q.state, extract(epoch FROM max(now() - m.created_at))::float8 AS seconds
    FROM (
      SELECT s.tenant_id, s.id, CASE
        WHEN s.paused_at IS NOT NULL AND (s.paused_until IS NULL OR s.paused_until > now()) THEN 'paused'
        WHEN s.desired = 'running' AND ${STATE} = 'connected' THEN 'sending' ELSE 'not_connected' END AS state
      FROM sessions s WHERE s.desired <> 'deleted' LIMIT ${String(MOST_SESSIONS)}
    ) q CROSS JOIN LATERAL (
      SELECT f.created_at FROM messages f WHERE f.tenant_id = q.tenant_id AND f.session_id = q.id
        AND f.status = 'queued' ORDER BY f.id LIMIT 1
    ) m GROUP BY q.state`,
};

const RELAY = {
  name: 'figures_relay',
  text: `SELECT count(*)::int AS count, coalesce(extract(epoch FROM max(now() - e.created_at)), 0)::float8 AS seconds
    FROM (SELECT u.created_at FROM events u WHERE u.seq IS NULL LIMIT ${String(COUNTED_AT_MOST)}) e`,
};

const WEBHOOKS = {
  name: 'figures_webhooks',
  text: `SELECT count(*) FILTER (WHERE w.enabled AND w.failing_since IS NULL)::int AS well,
      count(*) FILTER (WHERE w.enabled AND w.failing_since IS NOT NULL)::int AS failing,
      count(*) FILTER (WHERE NOT w.enabled AND w.disabled_reason IN ('gone', 'failing'))::int AS "givenUp"
    FROM webhooks w WHERE w.deleted_at IS NULL`,
};

interface Figures {
  sessions: { state: string; reason: string; count: number }[];
  open: { status: string; count: number }[];
  oldest: { state: string; seconds: number }[];
  relay: { count: number; seconds: number };
  webhooks: { well: number; failing: number; givenUp: number };
}

/**
 * How the whole installation stands, as the database says it: the same from each api process. Read when it is scraped,
 * by a few statements that go by indices and count no further than a bound.
 */
@Injectable()
export class InstallationFigures {
  private readonly gauges: ReturnType<typeof createGauges>;
  private newest: { at: number; reading: Promise<void> } | undefined;
  private isFailing = false;

  constructor(
    private readonly database: Database,
    { registry }: Metrics,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.gauges = createGauges(registry);
  }

  /** Reads the figures anew, unless that was done just now. What cannot be read is not shown, and `up` says so. */
  refresh(): Promise<void> {
    const nowMs = this.clock.monotonicMs();
    if (!this.newest || nowMs - this.newest.at > REMEMBER_MS)
      this.newest = { at: nowMs, reading: this.read() };
    return this.newest.reading;
  }

  private async read(): Promise<void> {
    try {
      const figures = await withDeadline(this.database.workerSql(readAll), READ_TIMEOUT_MS, 'the figures');
      this.show(figures);
      this.isFailing = false;
    } catch (error) {
      this.hide();
      if (!this.isFailing) this.logger.warn({ err: error }, 'the figures of the installation cannot be read');
      this.isFailing = true;
    }
  }

  private hide(): void {
    const { up, unnumbered, lag, ...labelled } = this.gauges;
    for (const gauge of Object.values(labelled)) gauge.reset();
    // One without labels would be reset to 0.
    for (const gauge of [unnumbered, lag]) gauge.remove();
    up.set(0);
  }

  private show({ sessions, open, oldest, relay, webhooks }: Figures): void {
    const { gauges } = this;
    gauges.up.set(1);
    gauges.sessions.reset();
    for (const state of SESSION_STATES)
      if (!sessions.some((row) => row.state === state)) gauges.sessions.set({ state, reason: '' }, 0);
    for (const { state, reason, count } of sessions) gauges.sessions.set({ state, reason }, count);
    for (const status of OPEN_STATUSES)
      gauges.open.set({ status }, open.find((row) => row.status === status)?.count ?? 0);
    for (const queue of QUEUE_STATES)
      gauges.oldest.set({ queue }, oldest.find(({ state }) => state === queue)?.seconds ?? 0);
    gauges.unnumbered.set(relay.count);
    gauges.lag.set(relay.seconds);
    gauges.webhooks.set({ state: 'well' }, webhooks.well);
    gauges.webhooks.set({ state: 'failing' }, webhooks.failing);
    gauges.webhooks.set({ state: 'given_up' }, webhooks.givenUp);
  }
}

async function readAll(query: Query): Promise<Figures> {
  await query(`SET LOCAL statement_timeout = ${String(STATEMENT_TIMEOUT_MS)}`);
  const sessions = await query<Figures['sessions'][number]>(SESSIONS);
  const open = await query<Figures['open'][number]>(OPEN);
  const oldest = await query<Figures['oldest'][number]>(OLDEST_QUEUED);
  const [relay = { count: 0, seconds: 0 }] = await query<Figures['relay'] & object>(RELAY);
  const [webhooks = { well: 0, failing: 0, givenUp: 0 }] = await query<Figures['webhooks'] & object>(
    WEBHOOKS,
  );
  return { sessions, open, oldest, relay, webhooks };
}

function createGauges(registry: Metrics['registry']) {
  const gauge = <Label extends string>(name: string, help: string, ...labelNames: Label[]) =>
    new Gauge({ name, help, labelNames, registers: [registry] });
  return {
    up: gauge('wagate_figures_up', 'Whether the figures of the installation could be read, 1 or 0'),
    sessions: gauge('wagate_sessions', 'Sessions, by state and reason', 'state', 'reason'),
    open: gauge(
      'wagate_messages_open',
      `Messages that have not ended, by status; counted up to ${String(COUNTED_AT_MOST)}`,
      'status',
    ),
    oldest: gauge(
      'wagate_oldest_queued_seconds',
      'Age of the oldest queued message, by what its session is at: sending, paused, not_connected',
      'queue',
    ),
    unnumbered: gauge(
      'wagate_events_unnumbered',
      `Events that wait for their number; counted up to ${String(COUNTED_AT_MOST)}`,
    ),
    lag: gauge('wagate_event_relay_lag_seconds', 'Age of the oldest event that waits for its number'),
    webhooks: gauge('wagate_webhooks', 'Webhooks: well, failing, or given_up by wagate', 'state'),
  };
}
