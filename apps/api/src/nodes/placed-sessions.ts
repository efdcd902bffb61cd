import { Injectable } from '@nestjs/common';
import type { Heartbeat, HeartbeatAnswer, NodeFact } from '#contracts';
import type { Query } from '#database';
import { newId } from '#kernel';
import { EventLog } from '../events/index.js';
import { SESSION_COLUMNS, type StoredSession } from './session-columns.js';
import { stateChanged, TOLD_COLUMNS, type ToldState } from './session-events.js';

/** Which session a fact is about. */
export interface SessionKey {
  tenantId: string;
  sessionId: string;
}

/** The sessions of all tenants as nodes see them: by the node they are placed on. Needs a worker transaction. */
@Injectable()
export class PlacedSessions {
  constructor(private readonly events: EventLog) {}

  /**
   * The session, held until the end of the transaction. NO KEY: messages of the session may still be inserted
   * meanwhile, whose foreign key takes a KEY SHARE lock on this row.
   */
  async lock(query: Query, { tenantId, sessionId }: SessionKey): Promise<StoredSession | undefined> {
    const rows = await query<StoredSession>(
      {
        name: 'session_lock',
        text: `SELECT ${SESSION_COLUMNS} FROM sessions WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE`,
      },
      [tenantId, sessionId],
    );
    return rows[0];
  }

  /** Every session placed on a node, those that wait for the removal of their profile too. */
  listOn(query: Query, nodeName: string): Promise<StoredSession[]> {
    return query<StoredSession>(
      {
        name: 'session_list_on_node',
        text: `SELECT ${SESSION_COLUMNS} FROM sessions WHERE node_name = $1 ORDER BY tenant_id, id`,
      },
      [nodeName],
    );
  }

  /** Notes newer proofs of sessions that are connected and stay so. */
  async prove(query: Query, nodeName: string, proofs: Heartbeat['sessions']): Promise<void> {
    if (proofs.length === 0) return;
    await query(
      {
        name: 'session_prove',
        text: `UPDATE sessions s SET proven_at = p.proven_at, reported_at = now()
          FROM unnest($2::text[], $3::text[], $4::int[], $5::timestamptz[]) AS p (tenant_id, id, epoch, proven_at)
          WHERE s.tenant_id = p.tenant_id AND s.id = p.id AND s.epoch = p.epoch AND s.node_name = $1
            AND s.state = 'connected' AND s.proven_at IS DISTINCT FROM p.proven_at`,
      },
      [
        nodeName,
        proofs.map((proof) => proof.tenantId),
        proofs.map((proof) => proof.sessionId),
        proofs.map((proof) => proof.epoch),
        proofs.map((proof) => proof.snapshot.provenAt),
      ],
    );
  }

  /** A node that was started anew runs nothing yet, whatever was last known of its sessions. */
  async begin(query: Query, nodeName: string): Promise<void> {
    const begun = await query<ToldState & object>(
      `UPDATE sessions s SET state = 'starting', reason = 'launching', action = NULL, detail = NULL, since = now(),
         reported_at = now(), updated_at = now()
       WHERE node_name = $1 AND desired = 'running'
         AND state IN ('pairing', 'connecting', 'connected', 'interrupted') RETURNING ${TOLD_COLUMNS}`,
      [nodeName],
    );
    await this.events.append(query, begun.map(stateChanged));
  }

  /** Keeps a fact that could not be stored as what it is. */
  async quarantine(query: Query, key: SessionKey, fact: NodeFact, error: string): Promise<void> {
    await query(
      `INSERT INTO quarantined_facts (tenant_id, id, session_id, kind, fact, error) VALUES ($1, $2, $3, $4, $5, $6)`,
      [key.tenantId, newId('evt'), key.sessionId, fact.kind, JSON.stringify(fact), error],
    );
  }
}

/** What a node is told of its sessions. A deleted session is left out: its removal is a command of its own. */
export function placement(sessions: readonly StoredSession[]): HeartbeatAnswer['sessions'] {
  return sessions
    .filter((session) => session.desired !== 'deleted' && session.epoch > 0)
    .map((session) => ({
      tenantId: session.tenantId,
      sessionId: session.id,
      epoch: session.epoch,
      mode: session.mode,
      running: session.desired === 'running',
    }));
}
