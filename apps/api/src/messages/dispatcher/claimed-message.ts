import type { MessageContent, SendOutcome } from '#contracts';
import type { AttemptKey } from './attempt-repository.js';

/** Where the session of a claimed message runs. */
export interface ClaimedSession {
  tenantId: string;
  sessionId: string;
  epoch: number;
  nodeName: string;
  nodeUrl: string;
  bootId: string;
}

/** A message that this process has claimed: an attempt for it is committed, and nothing was called yet. */
export interface ClaimedMessage {
  session: ClaimedSession;
  id: string;
  /** Number of the attempt. */
  attempt: number;
  /** Earlier attempts during which the page died before the message was handed over. */
  crashes: number;
  waMessageId: string;
  chatId: string;
  content: MessageContent;
  linkPreview: boolean;
  /** The chat shows "typing" before it. */
  typing: boolean;
  expiresAt: Date | null;
  objectKey: string | null;
  /** Bytes. */
  mediaSize: number | null;
  quotedWaKey: string | null;
}

/** How an attempt ended. `released`: the node was never called. */
export type AttemptEnd =
  | { kind: 'released' }
  | {
      kind: 'outcome';
      outcome: SendOutcome;
      /** The failure says nothing about the message (session or node away), so it does not count towards the limit. */
      held: boolean;
    };

export interface AttemptResult extends AttemptKey {
  sessionId: string;
  end: AttemptEnd;
}
