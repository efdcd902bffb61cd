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
const ORDER: readonly FactKind[] = [
  'session.state',
  'session.qr',
  'quarantine',
  'contacts',
  'chats',
  'message.upsert',
  'message.edit',
  'message.revoke',
  'message.reactions',
  'message.ack',
  'call',
  'group.change',
  'poll.vote',
];

interface Registered {
  kinds: ReadonlySet<FactKind>;
  store: (tx: Query, session: StoredSession, facts: NodeFact[]) => Promise<void>;
}

/** Where features say what they do with the facts that nodes report. */
@Injectable()
export class NodeFactHandlers {
  private registered: Registered[] = [];

  register<K extends FactKind>(kind: K, handler: FactHandler<K>): void {
    this.registerAll([kind], handler);
  }

  /** One handler for facts of several kinds, which get there together; their turn is that of the first kind. */
  registerAll<K extends FactKind>(kinds: readonly K[], handler: FactHandler<K>): void {
    const turn = ({ kinds: own }: Registered) => ORDER.findIndex((kind) => own.has(kind));
    const entry: Registered = {
      kinds: new Set(kinds),
      store: (tx, session, facts) => handler(tx, session, facts as FactOf<K>[]),
    };
    this.registered = [...this.registered, entry].sort((a, b) => turn(a) - turn(b));
  }

  /** Hands over the facts of one session, one call per handler. */
  async handle(tx: Query, session: StoredSession, facts: readonly NodeFact[]): Promise<void> {
    for (const { kinds, store } of this.registered) {
      const own = facts.filter((fact) => kinds.has(fact.kind));
      if (own.length > 0) await store(tx, session, own);
    }
  }
}
