import { Injectable } from '@nestjs/common';
import { Database, type Query } from '#database';
import { AppError } from '#kernel';
import { EventLog } from '../events/index.js';
import {
  NODE_FRESH_MS,
  PlacedSessions,
  SESSION_COLUMNS,
  stateChanged,
  type StoredSession,
} from '../nodes/index.js';
import { noSuchSession } from './session-repository.js';

interface NodeLoad {
  name: string;
  capacity: number;
  fresh: boolean;
  /** Sessions that run there, or are meant to. */
  running: number;
}

/** A session with a node that is to run it, and what it was before. */
export interface Placed {
  session: StoredSession & { nodeName: string };
  before: StoredSession;
}

/** Sessions that take a place of a node. One that ended waits for its owner, not for the node. */
const RUNS = `desired = 'running' AND state NOT IN ('stopped', 'logged_out', 'failed')`;

/**
 * Decides which node runs a session. A linked session stays with the node that holds its profile, as its login is
 * there and nowhere else; any other goes to the least loaded node that was heard lately and has room.
 */
@Injectable()
export class SessionPlacement {
  constructor(
    private readonly database: Database,
    private readonly placed: PlacedSessions,
    private readonly events: EventLog,
  ) {}

  /**
   * Writes down that the session is to run, and where; its epoch rises when the node is another.
   * @throws AppError `node_unavailable`, `capacity_exhausted`, `not_found`; nothing is changed then
   */
  place(tenantId: string, sessionId: string): Promise<Placed> {
    return this.database.workerSql(async (query) => {
      // Nodes before sessions, as heartbeats lock them; held, so that two placements cannot share one last place.
      const nodes = await loads(query);
      const before = await this.placed.lock(query, { tenantId, sessionId });
      if (!before || before.desired === 'deleted') throw noSuchSession();
      const node = choose(before, nodes);
      const session = await write(query, before, node.name);
      if (session.since.getTime() !== before.since.getTime()) {
        await this.events.append(query, [stateChanged(session)]);
      }
      return { session: { ...session, nodeName: node.name }, before };
    });
  }

  /** Takes back a placement that the node did not hear of, unless the node reported the session since. */
  async undo({ session, before }: Placed): Promise<void> {
    await this.database.workerSql(async (query) => {
      const undone = await query(
        `UPDATE sessions SET desired = $4, state = $5, reason = $6, action = $7, detail = $8, since = $9
         WHERE tenant_id = $1 AND id = $2 AND epoch = $3 AND desired = 'running'
           AND state = $10 AND reason = $11 AND reported_since IS NOT DISTINCT FROM $12 RETURNING 1`,
        [
          session.tenantId,
          session.id,
          session.epoch,
          before.desired,
          before.state,
          before.reason,
          before.action,
          before.detail,
          before.since,
          session.state,
          session.reason,
          session.reportedSince,
        ],
      );
      if (undone.length > 0) await this.events.append(query, [stateChanged(before)]);
    });
  }
}

async function loads(query: Query): Promise<NodeLoad[]> {
  const nodes = await query<Omit<NodeLoad, 'running'>>(
    `SELECT name, capacity, last_seen_at > now() - make_interval(secs => $1) AS fresh
     FROM nodes ORDER BY name FOR NO KEY UPDATE`,
    [NODE_FRESH_MS / 1000],
  );
  // The next statement, so that it sees what was committed while the locks were waited for.
  const counts = await query<{ name: string; running: number }>(
    `SELECT node_name AS name, count(*)::int AS running FROM sessions
     WHERE node_name IS NOT NULL AND ${RUNS} GROUP BY node_name`,
  );
  const running = new Map(counts.map((count) => [count.name, count.running]));
  return nodes.map((node) => ({ ...node, running: running.get(node.name) ?? 0 }));
}

function choose(session: StoredSession, nodes: NodeLoad[]): NodeLoad {
  const home = nodes.find((node) => node.name === session.nodeName);
  if (home?.fresh && (isRunning(session) || hasRoom(home))) return home;
  if (home && session.linkedAt !== null) throw home.fresh ? exhausted() : unavailable();
  const fresh = nodes.filter((node) => node.fresh);
  if (fresh.length === 0) throw unavailable();
  const [best] = fresh.filter(hasRoom).sort((a, b) => a.running / a.capacity - b.running / b.capacity);
  if (!best) throw exhausted();
  return best;
}

function hasRoom(node: NodeLoad): boolean {
  return node.running < node.capacity;
}

function isRunning({ desired, state }: StoredSession): boolean {
  return desired === 'running' && !['stopped', 'logged_out', 'failed'].includes(state);
}

async function write(query: Query, session: StoredSession, nodeName: string): Promise<StoredSession> {
  const moves = session.nodeName !== nodeName || session.epoch === 0;
  const rows = await query<StoredSession>(
    `UPDATE sessions SET desired = 'running', node_name = $3, updated_at = now(),
       epoch = CASE WHEN $4 THEN epoch + 1 ELSE epoch END,
       reported_since = CASE WHEN $4 THEN NULL ELSE reported_since END,
       state = CASE WHEN $5 THEN 'starting' ELSE state END, reason = CASE WHEN $5 THEN 'launching' ELSE reason END,
       action = CASE WHEN $5 THEN NULL ELSE action END, detail = CASE WHEN $5 THEN NULL ELSE detail END,
       since = CASE WHEN $5 THEN now() ELSE since END
     WHERE tenant_id = $1 AND id = $2 RETURNING ${SESSION_COLUMNS}`,
    [session.tenantId, session.id, nodeName, moves, moves || !isRunning(session)],
  );
  const [row] = rows;
  if (!row) throw noSuchSession();
  return row;
}

function unavailable(): AppError {
  return new AppError('node_unavailable', 'no node can run this session now; try again in a moment', {
    outcome: 'not_sent',
    retryAfterSeconds: 5,
  });
}

function exhausted(): AppError {
  return new AppError(
    'capacity_exhausted',
    'every place for sessions is taken; stop a session or add a node',
    {
      outcome: 'not_sent',
      retryAfterSeconds: 30,
    },
  );
}
