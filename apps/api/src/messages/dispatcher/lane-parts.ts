import type { Claim, ClaimWish } from './claim-repository.js';
import type { AttemptEnd, AttemptResult, ClaimedMessage } from './claimed-message.js';

/** What a lane does its work with. */
export interface LaneParts {
  claim: (wish: ClaimWish) => Promise<Claim>;
  /** Gives back what was claimed by a claim whose answer was lost. */
  recover: () => Promise<void>;
  /** Another process has the session's messages. */
  busyElsewhere: () => void;
  /** Notes that these will be called; gives the keys of those that still may. */
  note: (messages: readonly ClaimedMessage[]) => Promise<ReadonlySet<string>>;
  send: (message: ClaimedMessage) => Promise<AttemptEnd>;
  write: (result: AttemptResult) => Promise<void>;
  claimFailed: (error: unknown) => void;
}

/** What a lane is told when there may be something to send. */
export interface Wake {
  reconnected?: boolean;
  isNews?: boolean;
  chats?: readonly string[];
}
