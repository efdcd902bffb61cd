import { Injectable } from '@nestjs/common';
import type { NodeFact } from '#contracts';
import type { Query } from '#database';
import type { StoredSession } from './session-columns.js';

export type FactKind = NodeFact['kind'];
export type FactOf<K extends FactKind> = Extract<NodeFact, { kind: K }>;

/**
 * Stores facts of one kind that a node reported of one session. Runs in a worker transaction that holds the session's
 * row, so every statement says `tenant_id = session.tenantId`. Facts come in the node's order and may come again:
 * storing one twice changes nothing. May throw: the transaction is rolled back.
 */
export type FactHandler<K extends FactKind> = (
  tx: Query,
  session: StoredSession,
  facts: FactOf<K>[],
) => Promise<void>;

/** Within a batch: the session first, then who and where, then what was said, then what became of it. */
const ORDER: readonly FactKind[] = ['session.state', 'contacts', 'chats', 'message.upsert', 'message.ack'];

/** Where features say what they do with the facts that nodes report. */
@Injectable()
export class NodeFactHandlers {
  private readonly handlers = new Map<
    FactKind,
    ((tx: Query, session: StoredSession, facts: NodeFact[]) => Promise<void>)[]
  >();

  register<K extends FactKind>(kind: K, handler: FactHandler<K>): void {
    const known = this.handlers.get(kind) ?? [];
    this.handlers.set(kind, [...known, (tx, session, facts) => handler(tx, session, facts as FactOf<K>[])]);
  }

  /** Hands over the facts of one session, one call per kind and handler. */
  async handle(tx: Query, session: StoredSession, facts: readonly NodeFact[]): Promise<void> {
    for (const kind of ORDER) {
      const ofKind = facts.filter((fact) => fact.kind === kind);
      if (ofKind.length === 0) continue;
      for (const handler of this.handlers.get(kind) ?? []) await handler(tx, session, ofKind);
    }
  }
}
