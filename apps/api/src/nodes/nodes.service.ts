import { Injectable } from '@nestjs/common';
import type { NodeFact } from '#contracts';
import { heartbeatSchema } from '#contracts';
import { Database, type Query } from '#database';
import { AppError, Clock } from '#kernel';
import { AuditLog, type Actor } from '../audit/index.js';
import { readPage, toPage, type Page } from '../http/index.js';
import { NodeFactHandlers } from './node-fact-handlers.js';
import { NODE_FRESH_MS, NodeRegistry, type RegisteredNode } from './node-registry.js';
import type { ListNodesQuery, NodeView } from './nodes.dto.js';
import { PlacedSessions } from './placed-sessions.js';
import type { StoredSession } from './session-columns.js';

const LIST = 'nodes';
const NAME = heartbeatSchema.shape.name;
/** A node that was heard within this time may still run its sessions. */
const REMOVABLE_AFTER_SECONDS = 60;

/** The session-nodes as the operator of the installation sees them. */
@Injectable()
export class NodesService {
  constructor(
    private readonly database: Database,
    private readonly registry: NodeRegistry,
    private readonly placed: PlacedSessions,
    private readonly handlers: NodeFactHandlers,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
  ) {}

  async list(query: ListNodesQuery): Promise<Page<NodeView>> {
    const page = readPage(LIST, query, [/^[a-z0-9.-]{1,63}$/]);
    const after = page.after?.[0] ?? '';
    const nodes = (await this.registry.list()).filter((node) => node.name > after);
    nodes.sort((a, b) => (a.name < b.name ? -1 : 1));
    return toPage(LIST, query, nodes, (node) => [node.name], viewOf);
  }

  /**
   * Forgets a node and the logins that lay on it. A node of that name which is heard later owns nothing: the sessions'
   * epochs rise when they are placed again.
   * @param tenantId whose key asked; the audit log tells it there
   * @throws AppError `not_found`; `invalid_state` while the node may be alive
   */
  async remove(tenantId: string, by: Actor, name: string): Promise<void> {
    if (!NAME.safeParse(name).success) throw noSuchNode();
    await this.database.workerSql(async (query) => {
      await assertSilent(query, name);
      const sessions = await this.placed.listOn(query, name);
      for (const { tenantId: owner, id: sessionId } of sessions) {
        const session = await this.placed.lock(query, { tenantId: owner, sessionId });
        if (session) await this.lose(query, session);
      }
      await query(`DELETE FROM nodes WHERE name = $1`, [name]);
      const detail = { name, sessions: sessions.length };
      await this.audit.record(query, by, { tenantId, action: 'node.removed', detail });
    });
    this.registry.forget();
  }

  private async lose(query: Query, session: StoredSession): Promise<void> {
    if (session.desired !== 'deleted') await this.handlers.handle(query, session, [this.lossOf(session)]);
    await query(
      `UPDATE sessions SET node_name = NULL, desired = CASE desired WHEN 'running' THEN 'stopped' ELSE desired END
       WHERE tenant_id = $1 AND id = $2`,
      [session.tenantId, session.id],
    );
  }

  private lossOf(session: StoredSession): NodeFact {
    const common = { since: this.clock.now().toISOString(), provenAt: null, me: null } as const;
    const snapshot =
      session.linkedAt === null
        ? ({ state: 'stopped', action: 'start', detail: 'its node was removed' } as const)
        : ({
            state: 'logged_out',
            action: 'relink',
            detail: 'its node was removed, and the login with it; start the session and link it again',
          } as const);
    return { kind: 'session.state', snapshot: { ...common, ...snapshot, reason: 'node_lost' } };
  }
}

/** The node's row is held until the end of the transaction: neither a heartbeat nor a placement comes between. */
async function assertSilent(query: Query, name: string): Promise<void> {
  const [node] = await query<{ silentSeconds: number }>(
    `SELECT floor(extract(epoch FROM now() - last_seen_at))::int AS "silentSeconds"
     FROM nodes WHERE name = $1 FOR UPDATE`,
    [name],
  );
  if (!node) throw noSuchNode();
  const { silentSeconds } = node;
  if (silentSeconds >= REMOVABLE_AFTER_SECONDS) return;
  throw new AppError(
    'invalid_state',
    `the node was heard ${silentSeconds} seconds ago; end it, and remove it once it was silent for a minute`,
    { retryAfterSeconds: REMOVABLE_AFTER_SECONDS - silentSeconds },
  );
}

function noSuchNode(): AppError {
  return new AppError('not_found', 'there is no such node');
}

function viewOf(node: RegisteredNode): NodeView {
  const { name, url, lastSeenAt, sessionCount, capacity, sandbox, silentMs } = node;
  const isHeard = silentMs < NODE_FRESH_MS;
  return { name, url, isHeard, lastSeenAt: lastSeenAt.toISOString(), sessionCount, capacity, sandbox };
}
