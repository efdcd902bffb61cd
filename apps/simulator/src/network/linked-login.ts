import type { NetworkFrame, QueuedItem, WireItem } from '../wire.js';
import type { JournalEntry, LoginRecord } from './records.js';

/** The network's end of a page's connection. */
export interface PageConnection {
  send(frame: NetworkFrame): void;
  close(): void;
}

/**
 * One WhatsApp Web login and what is queued for it. An item stays queued until the page confirms it, and is
 * sent again at the next connect until then; a confirmed item is never sent again.
 */
export class LinkedLogin {
  private queue: QueuedItem[] = [];
  private lastSeq = 0;
  private connection: PageConnection | undefined;
  /** Connections before this time (ms since 1970) are refused; set by a commanded drop. */
  refusedUntil = 0;

  constructor(
    readonly record: LoginRecord,
    private readonly journal: (entry: JournalEntry) => void,
  ) {}

  get connected(): boolean {
    return this.connection !== undefined;
  }

  get queued(): number {
    return this.queue.length;
  }

  *pending(): Iterable<JournalEntry> {
    for (const { seq, item } of this.queue) yield { k: 'item', login: this.record.id, seq, v: item };
  }

  push(item: WireItem): void {
    const entry = { seq: (this.lastSeq += 1), item };
    this.queue.push(entry);
    this.journal({ k: 'item', login: this.record.id, seq: entry.seq, v: item });
    this.connection?.send({ t: 'items', items: [entry] });
  }

  restoreItem(seq: number, item: WireItem): void {
    this.lastSeq = Math.max(this.lastSeq, seq);
    this.queue.push({ seq, item });
  }

  restoreConfirm(seq: number): void {
    this.lastSeq = Math.max(this.lastSeq, seq);
    this.dequeue(seq);
  }

  /** Takes everything up to `seq` off the queue and returns it. */
  confirm(seq: number): WireItem[] {
    const confirmed = this.dequeue(seq);
    if (confirmed.length > 0) this.journal({ k: 'confirm', login: this.record.id, seq });
    return confirmed;
  }

  /** A second page of the same login takes over from the first. What is queued goes out before `offlineEnd`. */
  attach(connection: PageConnection, welcome: NetworkFrame): void {
    const previous = this.connection;
    this.connection = connection;
    previous?.send({ t: 'state', state: 'CONFLICT' });
    previous?.close();
    connection.send(welcome);
    for (let start = 0; start < this.queue.length; start += 200) {
      connection.send({ t: 'items', items: this.queue.slice(start, start + 200) });
    }
    connection.send({ t: 'offlineEnd' });
  }

  detach(connection: PageConnection): void {
    if (this.connection === connection) this.connection = undefined;
  }

  send(frame: NetworkFrame): void {
    this.connection?.send(frame);
  }

  disconnect(): void {
    const connection = this.connection;
    this.connection = undefined;
    connection?.close();
  }

  revoke(): void {
    this.record.revoked = true;
    this.queue = [];
    this.journal({ k: 'login', v: this.record });
    this.connection?.send({ t: 'revoked' });
    this.connection = undefined;
  }

  private dequeue(seq: number): WireItem[] {
    const remaining = this.queue.findIndex((entry) => entry.seq > seq);
    const count = remaining === -1 ? this.queue.length : remaining;
    return this.queue.splice(0, count).map((entry) => entry.item);
  }
}
