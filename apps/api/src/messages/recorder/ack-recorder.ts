import { Injectable } from '@nestjs/common';
import type { Query } from '#database';
import type { FactOf, StoredSession } from '../../nodes/index.js';
import { withEnd } from '../dispatcher/attempt-results.js';
import { MessageChanges, STATE_COLUMNS, type MessageChange, type MessageState } from '../message-changes.js';
import { applyAck } from '../message-progress.js';
import { MessageWatch } from '../message-watch.js';

export interface Ack {
  waMessageId: string;
  waKey: string;
  ack: number;
  at: Date;
}

const LOCK_OWN = {
  name: 'messages_lock_own',
  text: `SELECT ${STATE_COLUMNS} FROM messages m WHERE m.tenant_id = $1 AND m.session_id = $2
    AND m.wa_message_id = ANY($3) AND m.direction = 'out' ORDER BY m.tenant_id, m.id FOR UPDATE`,
};

/**
 * Lets acks of our own messages climb, in bulk. An ack may be all that is ever told of a message whose send was answered
 * to nobody, so its key is learned from it too.
 */
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
        (state, { waKey, ack, at }) => ({
          ...state,
          ...applyAck(state, ack, at),
          waKey: state.waKey ?? waKey,
        }),
        before,
      );
      return isChanged(before, after) ? [{ before, after: withEnd(after, now) }] : [];
    });
    await this.changes.save(query, changes);
    for (const { after } of changes) this.watch.tell(after.id);
  }
}

export function toAck({ waMessageId, waKey, ack, at }: FactOf<'message.ack'>): Ack {
  return { waMessageId, waKey, ack, at: new Date(at) };
}

function isChanged(before: MessageState, after: MessageState): boolean {
  return after.ack !== before.ack || after.status !== before.status || after.waKey !== before.waKey;
}
