import type {
  AttemptRecord,
  ClientRequest,
  EventRecord,
  HandOver,
  History,
  MediaRecord,
  MessageRecord,
  PushedMessage,
  SentRequest,
} from './history.js';

import { blankRow, phoneOf, wishOf } from './synthetic-records.js';

/** When it begins; every request and answer takes 100 ms. */
export const START = 1_800_000_000_000;

type Wish = Partial<SentRequest> & { tenant?: 'a' | 'b' };

const ACK: Record<string, number> = { sent: 1, delivered: 2, read: 3 };
const CLIMB = ['sent', 'delivered', 'read'];
/** Of the types of events, those that are a message's status. */
const STATUSES = new Set([...CLIMB, 'failed', 'expired', 'cancelled', 'unknown']);

/** Writes a history down as the four witnesses would have. */
export class HistoryMaker {
  private readonly client: ClientRequest[] = [];
  private readonly messages: MessageRecord[] = [];
  private readonly attempts: AttemptRecord[] = [];
  private readonly media: MediaRecord[] = [];
  private readonly events: EventRecord[] = [];
  private readonly handOvers: HandOver[] = [];
  private readonly pushed: PushedMessage[] = [];
  private readonly seqs = new Map<string, number>();
  private now = START;
  private order = 0;

  send(name: string, { tenant = 'a', ...wish }: Wish, end: string): void {
    const sent = wishOf(name, tenant, wish);
    const id = `msg_${name.padStart(3, '0')}`;
    this.request(tenant, {
      kind: 'send',
      status: 202,
      sent,
      seen: [{ id, status: 'queued', ack: null }],
      ids: [id],
    });
    this.messages.push(this.outbound(id, tenant, sent, end));
    if (sent.sha256 !== null) this.file(`med_${name}`, tenant, 'upload', sent.sha256);
    this.depart(id, tenant, sent, end);
    const shown = { id, status: end, ack: ACK[end] ?? null };
    this.request(tenant, { kind: 'get', status: 200, target: id, seen: [shown], ids: [id] });
  }

  /** The same request again, with its key: the same answer. */
  repeat(name: string): void {
    const first = this.client.find(({ kind, sent }) => kind === 'send' && sent?.ref === `ref-${name}`);
    if (first)
      this.client.push({
        ...first,
        number: this.client.length,
        startedAtMs: this.tick(),
        endedAtMs: this.tick(),
      });
  }

  refuse(name: string, { tenant = 'a', to = '' }: Wish): void {
    const sent = wishOf(name, tenant, { to, idempotencyKey: 'k4' });
    this.request(tenant, { kind: 'send', status: 422, sent });
  }

  receive(
    name: string,
    { tenant = 'a', sha256 = null }: { tenant?: 'a' | 'b'; sha256?: string | null },
  ): void {
    const id = `msg_9${name.padStart(2, '0')}`;
    const waMessageId = `AC${name}`;
    const text = `inbound ${name}`;
    this.order += 1;
    this.pushed.push({
      waMessageId,
      from: '4915100000001',
      to: phoneOf(tenant),
      text,
      sha256,
      order: this.order,
      isOpaque: false,
      isDamaged: false,
    });
    const mediaId = sha256 === null ? null : `med_in${name}`;
    if (mediaId !== null && sha256 !== null) this.file(mediaId, tenant, 'inbound', sha256);
    this.messages.push({
      ...blankRow(id, tenant, this.now),
      direction: 'in',
      origin: 'contact',
      chatId: '4915100000001@c.us',
      type: sha256 === null ? 'text' : 'image',
      text,
      mediaId,
      status: 'received',
      waMessageId,
    });
    this.event(tenant, 'message.received', id);
    this.request(tenant, {
      kind: 'list',
      status: 200,
      seen: [{ id, status: 'received', ack: null }],
      ids: [id],
    });
  }

  probe(): void {
    this.request('b', { kind: 'probe', status: 404, target: 'msg_001' });
  }

  revokeKey(): void {
    this.request('a', { kind: 'revokeKey', status: 200, target: 'key_old' });
    this.now += 60_000;
    this.request('a', { kind: 'list', status: 401, keyId: 'key_old' });
  }

  finish(): History {
    return {
      settings: {
        seed: 0,
        startedAt: new Date(START).toISOString(),
        endedAt: new Date(this.now).toISOString(),
        unknownBlockMs: 60_000,
        handOverSlackMs: 10_000,
      },
      sessions: [
        { tenantId: 'tnt_a', id: 'ses_a', phone: phoneOf('a') },
        { tenantId: 'tnt_b', id: 'ses_b', phone: phoneOf('b') },
      ],
      client: this.client,
      messages: this.messages,
      attempts: this.attempts,
      media: this.media,
      events: this.events,
      readEvents: this.events.map(({ tenantId, id, seq, type }) => ({ tenantId, id, seq: seq ?? 0, type })),
      handOvers: this.handOvers,
      pushed: this.pushed,
      objects: this.media.map(({ id, sha256 }) => ({ mediaId: id, sha256: sha256 ?? '' })),
      optOuts: [{ tenantId: 'tnt_a', phone: '4915100000009', atMs: START }],
    };
  }

  private depart(id: string, tenant: string, sent: SentRequest, end: string): void {
    if (end === 'expired' || end === 'cancelled') {
      this.event(tenant, `message.${end}`, id);
      return;
    }
    const waMessageId = `3EB0${id}`;
    const outcome = ({ unknown_final: 'unknown', failed: 'not_sent' } as const)[end] ?? 'handed';
    const reason = outcome === 'handed' ? null : 'page_gone';
    const startedAtMs = this.tick();
    this.attempts.push({
      tenantId: `tnt_${tenant}`,
      messageId: id,
      number: 1,
      waMessageId,
      outcome,
      reason,
      startedAtMs,
    });
    if (end === 'unknown_final') this.event(tenant, 'message.unknown', id);
    if (end === 'failed') this.event(tenant, 'message.failed', id);
    if (outcome !== 'handed') return;
    this.order += 1;
    this.handOvers.push({
      waMessageId,
      from: phoneOf(tenant),
      to: sent.to,
      text: sent.text,
      sha256: sent.sha256,
      handOvers: 1,
      ack: ACK[end] ?? 0,
      atMs: Math.floor(this.tick() / 1000) * 1000,
      order: this.order,
    });
    for (const status of CLIMB.slice(0, CLIMB.indexOf(end) + 1)) {
      this.request(tenant, {
        kind: 'get',
        status: 200,
        target: id,
        seen: [{ id, status, ack: ACK[status] ?? null }],
        ids: [id],
      });
      this.event(tenant, `message.${status}`, id);
    }
  }

  private outbound(id: string, tenant: string, sent: SentRequest, end: string): MessageRecord {
    const hasLeft = end in ACK;
    return {
      ...blankRow(id, tenant, this.now),
      chatId: `${sent.to}@c.us`,
      type: sent.sha256 === null ? 'text' : 'image',
      text: sent.text,
      mediaId: sent.sha256 === null ? null : `med_${String(Number(id.slice(4)))}`,
      status: end,
      ack: ACK[end] ?? null,
      errorCode: end === 'failed' ? 'not_on_whatsapp' : null,
      waMessageId: hasLeft ? `3EB0${id}` : null,
      clientRef: sent.ref,
      priority: sent.priority,
      expiresAtMs: sent.expiresAtMs,
    };
  }

  private file(id: string, tenant: string, source: MediaRecord['source'], sha256: string): void {
    this.media.push({ tenantId: `tnt_${tenant}`, id, source, state: 'stored', sha256, error: null });
  }

  private event(tenant: string, type: string, messageId: string): void {
    const tenantId = `tnt_${tenant}`;
    const told = type.slice('message.'.length);
    const seq = (this.seqs.get(tenantId) ?? 0) + 1;
    this.seqs.set(tenantId, seq);
    this.events.push({
      tenantId,
      id: `evt_${tenant}${String(seq)}`,
      seq,
      type,
      sessionId: `ses_${tenant}`,
      messageId,
      status: STATUSES.has(told) ? told : null,
    });
  }

  private request(tenant: string, request: Partial<ClientRequest>): void {
    this.client.push({
      number: this.client.length,
      tenantId: `tnt_${tenant}`,
      keyId: `key_${tenant}`,
      kind: 'other',
      startedAtMs: this.tick(),
      endedAtMs: this.tick(),
      status: null,
      seen: [],
      ids: [],
      ...request,
    });
  }

  private tick(): number {
    this.now += 100;
    return this.now;
  }
}
