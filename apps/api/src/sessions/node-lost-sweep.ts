import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import { Database } from '#database';
import { EventLog } from '../events/index.js';
import { LOGGER } from '../http/index.js';
import {
  NODE_FRESH_MS,
  NODE_LOST_MS,
  SESSION_COLUMNS,
  stateChanged,
  TOLD_COLUMNS,
  type StoredSession,
  type ToldState,
} from '../nodes/index.js';
import { SessionLifecycle } from './session-lifecycle.js';

const SWEEP_EVERY_MS = 2_000;
/** An api that was away itself has heard no heartbeat: nodes get this long to be heard first. */
const FIRST_SWEEP_AFTER_MS = 12_000;
const REMOVALS_AT_ONCE = 20;

/**
 * Looks after sessions that nobody asks about: those of a node that fell silent are marked interrupted, and the
 * profiles of deleted sessions are removed once their node is heard again.
 */
@Injectable()
export class NodeLostSweep implements OnApplicationBootstrap, OnApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();
  private closed = false;

  constructor(
    private readonly database: Database,
    private readonly lifecycle: SessionLifecycle,
    private readonly events: EventLog,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    this.schedule(FIRST_SWEEP_AFTER_MS);
  }

  async onApplicationShutdown(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    await this.running;
  }

  /** One round; also called by whoever cannot wait. */
  async sweep(): Promise<void> {
    await this.markLost();
    for (const session of await this.listRemovable()) {
      await this.lifecycle.removeProfile(session).catch((error: unknown) => this.note(error, session.id));
    }
  }

  private schedule(afterMs: number): void {
    if (this.closed) return;
    this.timer = setTimeout(() => {
      this.running = this.sweep()
        .catch((error: unknown) => this.note(error))
        .finally(() => this.schedule(SWEEP_EVERY_MS));
    }, afterMs);
  }

  private note(error: unknown, sessionId?: string): void {
    this.logger.warn({ err: error, sessionId }, 'a sweep over the sessions was not completed');
  }

  private async markLost(): Promise<void> {
    await this.database.workerSql(async (query) => {
      const lost = await query<ToldState & object>(
        {
          name: 'session_mark_lost',
          text: `UPDATE sessions s SET state = 'interrupted', reason = 'node_lost', action = NULL, detail = NULL,
              since = now(), updated_at = now()
            FROM nodes n WHERE s.node_name = n.name AND n.last_seen_at < now() - make_interval(secs => $1)
              AND s.desired <> 'deleted' AND s.state NOT IN ('stopped', 'logged_out', 'failed')
              AND (s.state, s.reason) <> ('interrupted', 'node_lost') RETURNING ${TOLD_COLUMNS}`,
        },
        [NODE_LOST_MS / 1000],
      );
      await this.events.append(query, lost.map(stateChanged));
    });
  }

  private listRemovable(): Promise<(StoredSession & { nodeName: string })[]> {
    return this.database.workerSql((query) =>
      query<StoredSession & { nodeName: string }>(
        {
          name: 'session_list_removable',
          text: `SELECT ${SESSION_COLUMNS} FROM sessions WHERE desired = 'deleted' AND node_name IN
              (SELECT n.name FROM nodes n WHERE n.last_seen_at > now() - make_interval(secs => $1))
            ORDER BY updated_at LIMIT $2`,
        },
        [NODE_FRESH_MS / 1000, REMOVALS_AT_ONCE],
      ),
    );
  }
}
