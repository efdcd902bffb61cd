import type { WaMessage, WaTarget } from '#contracts';
import type { MessageToStore } from './message-to-store.js';

/** A stored message, as far as it takes to recognise it and to see whether it lacks something. */
export interface KnownMessage {
  id: string;
  waKey: string | null;
  waMessageId: string | null;
  direction: 'in' | 'out';
  chatId: string;
  type: string;
  occurredAt: Date;
}

/** The stored messages among a batch, and those that are about to be stored: the batch may hold them again. */
export class KnownBatch {
  private readonly byKey = new Map<string, KnownMessage>();
  private readonly byId = new Map<string, KnownMessage[]>();

  constructor(rows: readonly KnownMessage[]) {
    for (const row of rows) this.put(row);
  }

  add({ id, message }: MessageToStore): void {
    const { waKey, waMessageId, fromMe, chat, content, timestamp } = message;
    this.put({
      id,
      waKey,
      waMessageId,
      direction: fromMe ? 'out' : 'in',
      chatId: chat.id,
      type: content.type,
      occurredAt: new Date(timestamp),
    });
  }

  /**
   * By its key; ours by the id that was chosen for it; and what came in by its id within its chat. WhatsApp may report
   * one message under both forms of a person's id before it says that they are one: chats that could be the same one,
   * with a message of the same id and second, are.
   */
  match(message: WaMessage): KnownMessage | undefined {
    const at = Date.parse(message.timestamp);
    return (
      this.byKey.get(message.waKey) ??
      this.matchTarget(message) ??
      this.candidates(message).find(
        (row) => row.occurredAt.getTime() === at && areOtherForms(row.chatId, message.chat.id),
      )
    );
  }

  /** What a change is about. */
  matchTarget(target: Pick<WaTarget, 'fromMe' | 'waMessageId' | 'chat'>): KnownMessage | undefined {
    return this.candidates(target).find((row) => target.fromMe || row.chatId === target.chat.id);
  }

  /** Our message with this id. */
  findOwn(waMessageId: string): KnownMessage | undefined {
    return this.byId.get(waMessageId)?.find((row) => row.direction === 'out');
  }

  findQuoted({ quotedWaMessageId, chat }: WaMessage): string | null {
    const rows = quotedWaMessageId === null ? [] : (this.byId.get(quotedWaMessageId) ?? []);
    return (rows.find((row) => row.chatId === chat.id) ?? rows[0])?.id ?? null;
  }

  private candidates({ fromMe, waMessageId }: Pick<WaTarget, 'fromMe' | 'waMessageId'>): KnownMessage[] {
    return (this.byId.get(waMessageId) ?? []).filter((row) => (row.direction === 'out') === fromMe);
  }

  private put(row: KnownMessage): void {
    if (row.waKey !== null) this.byKey.set(row.waKey, row);
    if (row.waMessageId === null) return;
    const same = this.byId.get(row.waMessageId);
    if (same) same.push(row);
    else this.byId.set(row.waMessageId, [row]);
  }
}

function areOtherForms(one: string, other: string): boolean {
  const isLid = (id: string) => id.endsWith('@lid');
  const isPhone = (id: string) => id.endsWith('@c.us');
  return (isLid(one) && isPhone(other)) || (isPhone(one) && isLid(other));
}
