import type { NodeFact, SessionAddress } from '#contracts';

/** Where facts go on their way to the api: ordered per session, delivered at least once, bounded. */
export interface EventSink {
  /** Queues a fact. State facts always fit; for others ask {@link room} first. */
  push(address: SessionAddress, fact: NodeFact): void;
  /**
   * Calls back once when the api has taken (or refused for good) all that was pushed for the session. Never when part
   * of it was not taken because another epoch owns the session.
   */
  whenTaken(sessionId: string, callback: () => void): void;
  /** Resolves at once while the session's queue has room, else when it has again or `signal` is aborted. */
  room(sessionId: string, signal: AbortSignal): Promise<void>;
  /** Facts of a session that the api has not taken yet. */
  pending(sessionId: string): number;
}
