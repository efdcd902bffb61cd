import { Injectable } from '@nestjs/common';
import type { NodeCommand, NodeRequest, SessionAddress, SessionSnapshot } from '#contracts';
import { Database, type Query } from '#database';
import { isAppError } from '#kernel';
import { EventLog } from '../events/index.js';
import { EventIntake, NodeClient, PlacedSessions, stateChanged, type StoredSession } from '../nodes/index.js';
import { SessionEndings } from './session-endings.js';
import { SessionPlacement } from './session-placement.js';

/** Starting is answered before the browser is there; stopping waits until it is gone. */
const START_TIMEOUT_MS = 10_000;
const STOP_TIMEOUT_MS = 30_000;
const LOGOUT_TIMEOUT_MS = 45_000;
const DELETE_TIMEOUT_MS = 10_000;

/**
 * Starts, stops and ends sessions. What is wanted is written down before the node is told; a node that cannot be told
 * learns it from the answer to its next heartbeat. Each of these may be repeated.
 */
@Injectable()
export class SessionLifecycle {
  constructor(
    private readonly database: Database,
    private readonly placement: SessionPlacement,
    private readonly placed: PlacedSessions,
    private readonly nodes: NodeClient,
    private readonly intake: EventIntake,
    private readonly endings: SessionEndings,
    private readonly events: EventLog,
  ) {}

  /** @throws AppError `node_unavailable`, `capacity_exhausted`; the session is as before then */
  start(session: StoredSession): Promise<StoredSession> {
    return this.run(session, 'session.start');
  }

  /** Closes the browser and opens it again; starts a session that does not run. */
  restart(session: StoredSession): Promise<StoredSession> {
    return this.run(session, 'session.restart');
  }

  /** The session will not run; it stays linked. Succeeds also while its node is away. */
  async stop(session: StoredSession): Promise<StoredSession> {
    const stopped = await this.want(session, 'stopped');
    if (!isPlaced(stopped)) return stopped;
    try {
      return await this.command(stopped, 'session.stop', STOP_TIMEOUT_MS);
    } catch (error) {
      if (isAppError(error, 'node_unavailable')) return stopped;
      throw error;
    }
  }

  /**
   * Unlinks the session from the phone and forgets its login; it can be linked again.
   * @throws AppError `node_unavailable`, as only the node can do it
   */
  async logout(session: StoredSession): Promise<StoredSession> {
    if (!isPlaced(session) || isUnlinked(session)) return session;
    return this.command(session, 'session.logout', LOGOUT_TIMEOUT_MS);
  }

  /**
   * The session is gone at once, its name is free; the node removes the profile now or at its next heartbeat.
   * @param record notes who did it; runs in the (worker) transaction that does
   */
  async delete(session: StoredSession, record: (query: Query) => Promise<void>): Promise<void> {
    const deleted = await this.database.workerSql((query) => this.markDeleted(query, session, record));
    if (!deleted || !isPlaced(deleted)) return;
    try {
      await this.removeProfile(deleted);
    } catch (error) {
      if (!isAppError(error)) throw error;
    }
  }

  /** Has the node of a deleted session remove the profile. @throws AppError when it could not; try again later */
  async removeProfile(session: StoredSession & { nodeName: string }): Promise<void> {
    const { nodeName } = session;
    await this.nodes.call({ nodeName }, 'session.delete', addressOf(session), {
      timeoutMs: DELETE_TIMEOUT_MS,
    });
    await this.database.workerSql((query) =>
      query(
        `UPDATE sessions SET node_name = NULL WHERE tenant_id = $1 AND id = $2 AND desired = 'deleted' AND epoch = $3`,
        [session.tenantId, session.id, session.epoch],
      ),
    );
  }

  private async run(
    session: StoredSession,
    command: 'session.start' | 'session.restart',
  ): Promise<StoredSession> {
    const placed = await this.placement.place(session.tenantId, session.id);
    try {
      return await this.command(placed.session, command, START_TIMEOUT_MS);
    } catch (error) {
      if (!isAppError(error)) throw error;
      // It may have begun: the next heartbeat tells, and starts it if it has not.
      if (error.outcome === 'unknown') return placed.session;
      await this.placement.undo(placed);
      throw error;
    }
  }

  private async command(
    session: StoredSession & { nodeName: string },
    command: 'session.start' | 'session.stop' | 'session.restart' | 'session.logout',
    timeoutMs: number,
  ): Promise<StoredSession> {
    const request: NodeRequest<NodeCommand & typeof command> = { ...addressOf(session), mode: session.mode };
    const { snapshot } = await this.nodes.call({ nodeName: session.nodeName }, command, request, {
      timeoutMs,
    });
    return this.noted(session, snapshot);
  }

  /** The session once the node's answer is written down. */
  private async noted(session: StoredSession, snapshot: SessionSnapshot): Promise<StoredSession> {
    const noted = await this.intake.apply(addressOf(session), [{ kind: 'session.state', snapshot }]);
    return noted ?? session;
  }

  private want(session: StoredSession, desired: 'stopped'): Promise<StoredSession> {
    return this.database.workerSql(async (query) => {
      await query(
        `UPDATE sessions SET desired = $3, updated_at = now()
         WHERE tenant_id = $1 AND id = $2 AND desired NOT IN ($3, 'deleted')`,
        [session.tenantId, session.id, desired],
      );
      return (await this.placed.lock(query, keyOf(session))) ?? session;
    });
  }

  private async markDeleted(
    query: Query,
    session: StoredSession,
    record: (query: Query) => Promise<void>,
  ): Promise<StoredSession | undefined> {
    const current = await this.placed.lock(query, keyOf(session));
    if (!current || current.desired === 'deleted') return current;
    await query(
      `UPDATE sessions SET desired = 'deleted', state = 'stopped', reason = 'requested', action = NULL, detail = NULL,
         since = now(), linked_at = NULL, updated_at = now() WHERE tenant_id = $1 AND id = $2`,
      [current.tenantId, current.id],
    );
    const stopped = {
      ...current,
      state: 'stopped',
      reason: 'requested',
      action: null,
      since: new Date(),
    } as const;
    await this.events.append(query, [stateChanged(stopped)]);
    await this.endings.end(query, current, 'session_deleted');
    await record(query);
    return current;
  }
}

/** How a node is told which session is meant. */
export function addressOf(session: StoredSession): SessionAddress {
  return { tenantId: session.tenantId, sessionId: session.id, epoch: session.epoch };
}

/** True when a node holds, or may hold, something of the session. */
export function isPlaced(session: StoredSession): session is StoredSession & { nodeName: string } {
  return session.nodeName !== null && session.epoch > 0;
}

function isUnlinked(session: StoredSession): boolean {
  return session.linkedAt === null && session.state === 'logged_out';
}

function keyOf(session: StoredSession): { tenantId: string; sessionId: string } {
  return { tenantId: session.tenantId, sessionId: session.id };
}
