import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Database, type Query } from '#database';
import { NodeFactHandlers, type FactOf } from './node-fact-handlers.js';
import type { StoredSession } from './session-columns.js';

/** What of a session could not be taken in: numbers, never content. */
export interface QuarantineCounts {
  /** When the node began to count: at the link. Null: it has nothing to count. */
  since: Date | null;
  /** Messages whose WhatsApp key could not be read; the node keeps them. */
  noKey: number;
  /** Messages in a form that this version does not know; the node keeps them. */
  unreadable: number;
  /** Facts that the api refused; the node keeps them. */
  refused: number;
  /** Facts that could not be stored; the api keeps them. */
  notStored: number;
}

/** A state, not a step: of one link the highest counts stand, of two links the later one. */
const SAVE = {
  name: 'node_quarantine_save',
  text: `INSERT INTO node_quarantines AS q (tenant_id, session_id, since, no_key, unreadable, refused)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (tenant_id, session_id) DO UPDATE SET since = excluded.since,
      no_key = CASE WHEN q.since = excluded.since THEN greatest(q.no_key, excluded.no_key) ELSE excluded.no_key END,
      unreadable = CASE WHEN q.since = excluded.since THEN greatest(q.unreadable, excluded.unreadable)
        ELSE excluded.unreadable END,
      refused = CASE WHEN q.since = excluded.since THEN greatest(q.refused, excluded.refused)
        ELSE excluded.refused END
    WHERE excluded.since >= q.since`,
};

const READ = {
  name: 'quarantine_read',
  text: `SELECT q.since, coalesce(q.no_key, 0) AS "noKey", coalesce(q.unreadable, 0) AS unreadable,
      coalesce(q.refused, 0) AS refused, (SELECT count(*)::int FROM quarantined_facts f
        WHERE f.tenant_id = $1 AND f.session_id = $2) AS "notStored"
    FROM (VALUES (1)) AS one (row) LEFT JOIN node_quarantines q ON q.tenant_id = $1 AND q.session_id = $2`,
};

/** Counts what of a session could not be taken in. */
@Injectable()
export class Quarantine implements OnModuleInit {
  constructor(
    private readonly database: Database,
    private readonly handlers: NodeFactHandlers,
  ) {}

  onModuleInit(): void {
    this.handlers.register('quarantine', (tx, session, facts) => this.save(tx, session, facts));
  }

  async counts(tenantId: string, sessionId: string): Promise<QuarantineCounts> {
    const [row] = await this.database.tenantSql(tenantId, (query) =>
      query<QuarantineCounts & object>(READ, [tenantId, sessionId]),
    );
    return row ?? { since: null, noKey: 0, unreadable: 0, refused: 0, notStored: 0 };
  }

  private async save(
    tx: Query,
    session: StoredSession,
    facts: readonly FactOf<'quarantine'>[],
  ): Promise<void> {
    for (const { since, counts } of facts) {
      const { no_key: noKey, unreadable, refused } = counts;
      await tx(SAVE, [session.tenantId, session.id, since, noKey, unreadable, refused]);
    }
  }
}
