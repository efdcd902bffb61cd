export const INVARIANTS = {
  I1: 'every accepted message has an end, and nothing refused is there',
  I2: 'no message is handed over more than once',
  I3: 'a status is the truth',
  I4: 'one idempotency key, one message',
  I5: 'messages of a chat leave in the order of their acceptance',
  I6: 'what came in is recorded once, and announced once',
  I7: 'a status never goes back',
  I8: 'every event that was read is in the log, and the other way round',
  I9: 'nothing of a tenant shows at another',
  I10: 'event numbers have no holes',
  I11: 'files are the bytes that were sent',
  I12: 'nothing is sent after its expiry, its cancellation, or an opt-out; nothing works with a revoked key',
} as const;
export type Invariant = keyof typeof INVARIANTS;

/** A promise that was broken. */
export interface Violation {
  invariant: Invariant;
  /** Of the message, event, file or request concerned. */
  id: string;
  what: string;
  /** What shows it. */
  evidence: unknown;
}

/** Collects the violations of one invariant. */
export type Report = (id: string, what: string, evidence: unknown) => void;
