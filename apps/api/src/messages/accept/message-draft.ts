import type { MessageContent } from '#contracts';
import type { IdempotentRequest } from '../../idempotency/index.js';

/** A checked message, ready to be accepted. */
export interface MessageDraft {
  id: string;
  tenantId: string;
  sessionId: string;
  chatId: string;
  content: MessageContent;
  mediaId: string | null;
  quotedMessageId: string | null;
  quotedWaMessageId: string | null;
  clientRef: string | null;
  metadata: Record<string, unknown> | null;
  linkPreview: boolean;
  /** null: as its session says. */
  typing: boolean | null;
  priority: number;
  createdAt: Date;
  expiresAt: Date;
  /** With the answer (JSON) that a repeated request gets. */
  idempotency: (IdempotentRequest & { answer: string }) | null;
}

/** How an accept ended: the message is queued, or the key was used before and this is its answer (JSON). */
export type Acceptance = { outcome: 'accepted' } | { outcome: 'replayed'; answer: string };
