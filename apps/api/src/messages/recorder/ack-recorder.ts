import { Injectable } from '@nestjs/common';
import type { Query } from '#database';
import type { FactOf, StoredSession } from '../../nodes/index.js';
import { withEnd } from '../dispatcher/attempt-results.js';
import { MessageChanges, STATE_COLUMNS, type MessageChange, type MessageState } from '../message-changes.js';
import { applyAck } from '../message-progress.js';
import { MessageWatch } from '../message-watch.js';

export interface Ack {
  waMessageId: string;
  ack: number;
  at: Date;
}

const LOCK_OWN = {
  name: 'messages_lock_own',
  text: `SELECT ${STATE_COLUMNS} FROM messages m WHERE m.tenant_id = $1 AND m.session_id = $2
    AND m.wa_message_id = ANY($3) AND m.direction = 'out' ORDER BY m.tenant_id, m.id FOR UPDATE`,
};

/** Lets acks of our own messages climb, in bulk. */
@Injectable()
export class AckRecorder {
  constructor(
    private readonly changes: MessageChanges,
    private readonly watch: MessageWatch,
  ) {}

  /** Acks of messages that are not ours, or not known, change nothing. */
  async record(query: Query, session: StoredSession, acks: readonly Ack[]): Promise<void> {
    const ids = [...new Set(acks.map(({ waMessageId }) => waMessageId))];
    const rows = await query<MessageState & object>(LOCK_OWN, [session.tenantId, session.id, ids]);
    const byId = new Map<string, Ack[]>();
    for (const ack of acks) byId.set(ack.waMessageId, [...(byId.get(ack.waMessageId) ?? []), ack]);
    const now = new Date();
    const changes = rows.flatMap((before): MessageChange[] => {
      const after = (byId.get(before.waMessageId ?? '') ?? []).reduce<MessageState>(
        (state, { ack, at }) => ({ ...state, ...applyAck(state, ack, at) }),
        before,
      );
      return after.ack === before.ack && after.status === before.status
        ? []
        : [{ before, after: withEnd(after, now) }];
    });
    await this.changes.save(query, changes);
    for (const { after } of changes) this.watch.tell(after.id);
  }
}

export function toAck({ waMessageId, ack, at }: FactOf<'message.ack'>): Ack {
  return { waMessageId, ack, at: new Date(at) };
}
