import type { EventType, KeyMode } from '#contracts';
import type { SealedPlace } from '../secrets/index.js';

export type DisabledReason = 'by_tenant' | 'gone' | 'failing';

/** Channel on which a webhook (the payload) was changed or deleted. */
export const WEBHOOKS_CHANNEL = 'wagate_webhooks';

/** A webhook as it is stored; its secrets stay sealed. */
export interface StoredWebhook {
  tenantId: string;
  id: string;
  url: string;
  description: string | null;
  mode: KeyMode;
  eventTypes: EventType[] | null;
  sessionIds: string[] | null;
  headersSealed: Buffer | null;
  secretSealed: Buffer;
  previousSecretSealed: Buffer | null;
  previousSecretUntil: Date | null;
  enabled: boolean;
  disabledReason: DisabledReason | null;
  disabledAt: Date | null;
  cursorSeq: number;
  failures: number;
  failingSince: Date | null;
  openUntil: Date | null;
  /** The lease under which it was read to deliver. */
  leasedBy: string | null;
  createdAt: Date;
  updatedAt: Date;
}

/** Selects a StoredWebhook from `webhooks w`. */
export const WEBHOOK_COLUMNS = `w.tenant_id AS "tenantId", w.id, w.url, w.description, w.mode,
  w.event_types AS "eventTypes", w.session_ids AS "sessionIds", w.headers_sealed AS "headersSealed",
  w.secret_sealed AS "secretSealed", w.previous_secret_sealed AS "previousSecretSealed",
  w.previous_secret_until AS "previousSecretUntil", w.enabled, w.disabled_reason AS "disabledReason",
  w.disabled_at AS "disabledAt", w.cursor_seq::float8 AS "cursorSeq", w.failures,
  w.failing_since AS "failingSince", w.open_until AS "openUntil", w.leased_by AS "leasedBy", w.created_at AS "createdAt",
  w.updated_at AS "updatedAt"`;

/** Where its secrets are sealed for. */
export function secretPlace({ tenantId, id }: Pick<StoredWebhook, 'tenantId' | 'id'>): SealedPlace {
  return { tenantId, rowId: id, column: 'webhooks.secret' };
}

/** Where its custom headers are sealed for. */
export function headersPlace({ tenantId, id }: Pick<StoredWebhook, 'tenantId' | 'id'>): SealedPlace {
  return { tenantId, rowId: id, column: 'webhooks.headers' };
}

/** What one attempt to deliver came to. */
export interface DeliveryAttempt {
  at: string;
  /** HTTP status; null when there was no answer. */
  status: number | null;
  /** Why there was none. */
  error: string | null;
  durationMs: number;
  responseType: string | null;
  /** Beginning of the answer's body. */
  responseHead: string | null;
}

/** Whether the receiver has it: any 2xx, nothing else (Standard Webhooks 1.0). */
export function isDelivered({ status }: DeliveryAttempt): boolean {
  return status !== null && status >= 200 && status < 300;
}
