import { newId } from '#kernel';
import type { EventEnvelope } from '#contracts';
import type { StoredWebhook } from './webhook.js';
import type { Webhook } from './webhooks.dto.js';

/** @param headerNames of its custom headers */
export function viewWebhook(webhook: StoredWebhook, headerNames: string[]): Webhook {
  const { enabled, failures } = webhook;
  return {
    id: webhook.id,
    url: webhook.url,
    description: webhook.description,
    events: webhook.eventTypes,
    sessionIds: webhook.sessionIds,
    headers: headerNames,
    mode: webhook.mode,
    enabled,
    state: !enabled ? 'disabled' : failures > 0 ? 'failing' : 'active',
    disabledReason: webhook.disabledReason,
    disabledAt: webhook.disabledAt?.toISOString() ?? null,
    failingSince: webhook.failingSince?.toISOString() ?? null,
    nextProbeAt: webhook.openUntil?.toISOString() ?? null,
    lastSeq: webhook.cursorSeq,
    createdAt: webhook.createdAt.toISOString(),
    updatedAt: webhook.updatedAt.toISOString(),
  };
}

/** An event that is in no log: its `seq` is 0. */
export function testEvent({ tenantId, id }: StoredWebhook, now: Date): EventEnvelope {
  return {
    id: newId('evt'),
    seq: 0,
    type: 'webhook.test',
    apiVersion: '1',
    createdAt: now.toISOString(),
    tenantId,
    session: null,
    data: { webhookId: id },
  };
}

export const WEBHOOK_EXAMPLE: Webhook = {
  id: 'whk_01k2m3n4p5q6r7s8t9v0w1x2y3',
  url: 'https://example.com/whatsapp',
  description: null,
  events: ['message.received'],
  sessionIds: null,
  headers: ['Authorization'],
  mode: 'live',
  enabled: true,
  state: 'active',
  disabledReason: null,
  disabledAt: null,
  failingSince: null,
  nextProbeAt: null,
  lastSeq: 42,
  createdAt: '2026-01-01T12:00:00.000Z',
  updatedAt: '2026-01-01T12:00:00.000Z',
};
