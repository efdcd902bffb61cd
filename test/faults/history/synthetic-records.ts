import type { MessageRecord, SentRequest } from './history.js';

/** A plain text, except where the wish says otherwise. */
export function wishOf(name: string, tenant: string, wish: Partial<SentRequest>): SentRequest {
  return {
    sessionId: `ses_${tenant}`,
    ref: `ref-${name}`,
    to: '',
    text: `text ${name}`,
    sha256: null,
    priority: 0,
    expiresAtMs: null,
    idempotencyKey: null,
    ...wish,
  };
}

/** A message of which nothing is known but that it was accepted. */
export function blankRow(id: string, tenant: string, createdAtMs: number): MessageRecord {
  return {
    tenantId: `tnt_${tenant}`,
    id,
    sessionId: `ses_${tenant}`,
    direction: 'out',
    origin: 'api',
    chatId: '',
    type: 'text',
    text: null,
    mediaId: null,
    status: 'queued',
    ack: null,
    errorCode: null,
    waMessageId: null,
    clientRef: null,
    priority: 0,
    expiresAtMs: null,
    createdAtMs,
    occurredAtMs: Math.floor(createdAtMs / 1000) * 1000,
  };
}

/** The session's phone; each tenant has one session. */
export function phoneOf(tenant: string): string {
  return tenant === 'a' ? '4915200000001' : '4915200000002';
}
