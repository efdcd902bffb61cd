import type { MessageStatus, PauseReason, SessionAction, SessionReason, SessionState } from '#contracts';

/** What a diagnosis can say; a closed set for machines, beside the sentences for people. */
export const DIAGNOSIS_CODES = [
  'scheduled',
  'session_paused',
  'session_not_connected',
  'session_cannot_send',
  'waiting_for_retry',
  'chat_blocked',
  'paced',
  'in_queue',
  'being_handed_over',
  'awaiting_acknowledgement',
  'sent',
  'delivered',
  'read',
  'failed',
  'expired',
  'cancelled',
  'fate_unknown',
  'fate_unknown_for_good',
  'received',
  'undecryptable',
  'media_on_its_way',
  'media_missing',
] as const;

export interface Diagnosis {
  code: (typeof DIAGNOSIS_CODES)[number];
  summary: string;
  advice: string;
}

/** What a diagnosis is made of. Holds neither phone numbers nor what the message says. */
export interface DiagnosisFacts {
  now: Date;
  status: MessageStatus;
  errorCode: string | null;
  /** A sentence about it; null: the code says it all. */
  errorDetail: string | null;
  type: string;
  dueAt: Date;
  expiresAt: Date | null;
  /** Attempts that reached a node. */
  attempts: number;
  /** Messages of the session that leave before it; counted up to `COUNTED_AHEAD`. */
  ahead: number;
  /** A message of its chat holds it back: one that nobody knows the fate of, or that is tried again. */
  isChatBlocked: boolean;
  /** When it leaves by the pacing of its session; null: there is none, nobody can tell, or never as things are. */
  eta: Date | null;
  /** What decides that is `strangersPerDay`, the cap on people who never wrote. */
  isByStrangersCap: boolean;
  session: {
    state: SessionState;
    reason: SessionReason;
    action: SessionAction | null;
    since: Date;
    isRunning: boolean;
    /** A chat waits behind a message of unknown fate until that is known, not for UNKNOWN_BLOCK_SECONDS only. */
    isStrictlyOrdered: boolean;
    pause: { reason: PauseReason; since: Date; until: Date | null } | null;
  };
  /** The newest one. */
  attempt: {
    isCalled: boolean;
    isEnded: boolean;
    outcome: string | null;
    reason: string | null;
    startedAt: Date;
    lookups: number;
    /** When an unknown fate becomes final. */
    finalAt: Date;
  } | null;
  media: { state: string; error: string | null; attempts: number; nextAttemptAt: Date | null } | null;
}

/** Longer queues are not counted out. */
export const COUNTED_AHEAD = 1_000;

export function said(code: Diagnosis['code'], summary: string, advice: string): Diagnosis {
  return { code, summary, advice: advice.trim() };
}
