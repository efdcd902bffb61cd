import { PAUSE_TEXT, REASON_TEXT, type PauseReason, type SessionReason, type SessionState } from '#contracts';
import { inWords } from '../reason-words.js';
import { dated } from '../timeline/plain-words.js';

/** Limits of a pacing policy, those that hold back for longest first. */
export const PACING_LIMITS = ['perDay', 'ramp', 'perHour', 'perMinute', 'gapMs'] as const;
/** Places of a queue that are counted. */
export const COUNTED_PLACES = 200;
/** Looked at later than this, it is said how much later. */
const PROMPT_MS = 5_000;

/** How everything stood that could hold back a message whose time is over. */
export interface HoldingFacts {
  id: string;
  expiresAt: Date;
  /** When it was looked at, by the database's clock. */
  seenAt: Date;
  state: SessionState;
  reason: SessionReason;
  since: Date;
  isRunning: boolean;
  pausedAt: Date | null;
  pauseReason: PauseReason | null;
  /** The session's node is heard of. */
  isHeard: boolean;
  /** How often it was taken from the queue. */
  claims: number;
  /** It was to be tried again later than it may leave. */
  isRetryLate: boolean;
  /** Why its newest attempt did not leave; null: there is none, or none that reached a page. */
  attemptReason: string | null;
  /** What another message of its chat waits for: its fate, its next attempt, the end of its hand-over. */
  blockedBy: 'unknown' | 'retry' | 'sending' | null;
  /** Limits of the session's pacing that let nothing go. */
  limits: (typeof PACING_LIMITS)[number][];
  /** Its recipient never wrote, and the cap on such people lets nothing go. */
  isStrangerHeld: boolean;
  /** Messages that were to leave before it, counted up to `COUNTED_PLACES`. */
  ahead: number;
}

/** Says in plain words what held back a message that expired. Names nobody. */
export function whyExpired(facts: HoldingFacts): string {
  const session = ofSession(facts);
  const why = session.length > 0 ? session.join(', and ') : ofMessage(facts);
  const lateMs = facts.seenAt.getTime() - facts.expiresAt.getTime();
  const late = lateMs > PROMPT_MS ? ` That is how it stood ${seconds(lateMs)} seconds after its time.` : '';
  return `It could not be sent before it expired: ${why}.${late}`;
}

/** Only what was so before its time was over. */
function ofSession(facts: HoldingFacts): string[] {
  const { state, reason, since, isRunning, isHeard, pausedAt, pauseReason, expiresAt } = facts;
  const reasons: string[] = [];
  if (pausedAt && pausedAt <= expiresAt) {
    const by = pauseReason === 'requested' ? 'paused by request' : 'paused, as a signal said to stop,';
    const signal = pauseReason && pauseReason !== 'requested' ? ` (${clause(PAUSE_TEXT[pauseReason])})` : '';
    reasons.push(`its session was ${by} since ${dated(pausedAt)}${signal}`);
  }
  if (state !== 'connected') {
    const why = `its session was not connected: ${state} since ${dated(since)} (${clause(REASON_TEXT[reason])})`;
    if (since <= expiresAt) reasons.push(why);
  } else if (since > expiresAt) {
    reasons.push(`its session was not connected; it has been only since ${dated(since)}`);
  } else if (!isRunning) {
    reasons.push('its session was being stopped');
  } else if (!isHeard) {
    reasons.push('the node of its session was not heard of');
  }
  return reasons;
}

function ofMessage(facts: HoldingFacts): string {
  const { isRetryLate, attemptReason, blockedBy, claims, ahead } = facts;
  if (isRetryLate) {
    const failed = attemptReason === null ? '' : `: ${inWords(attemptReason)}`;
    return `an attempt had certainly not left${failed}, and the next one was to be made later`;
  }
  if (blockedBy === 'unknown')
    return 'an earlier message of its chat was of unknown fate, and the order of the chat is kept';
  if (blockedBy === 'retry')
    return 'an earlier message of its chat was to be tried again, and the order of the chat is kept';
  const paced = ofPacing(facts);
  if (paced) return paced;
  if (blockedBy === 'sending') return 'another message of its chat was being handed to WhatsApp';
  if (ahead > 0) return `${messages(ahead)} to leave before it in its session`;
  if (claims > 0) return 'it was taken from the queue before, and came back without having reached a page';
  return 'its turn did not come in that time, and nothing is known that held it back';
}

const LIMIT_TEXT: Record<(typeof PACING_LIMITS)[number], string> = {
  perDay: 'the cap of a day (`perDay`) was reached',
  ramp: 'the cap of a day that a new session has (`ramp`) was reached',
  perHour: 'the cap of an hour (`perHour`) was reached',
  perMinute: 'the cap of a minute (`perMinute`) was reached',
  gapMs: 'one message leaves at a time, with a gap after it (`gapMs`, `jitterMs`)',
};

function ofPacing({ limits, isStrangerHeld, ahead }: HoldingFacts): string | undefined {
  const [limit] = PACING_LIMITS.filter((one) => limits.includes(one));
  const before = ahead > 0 ? `; ${messages(ahead)} to leave before it` : '';
  const strangers =
    'the cap on people who never wrote to it, of whom its recipient is one (`strangersPerDay`), was reached';
  // That of a day holds strangers and everybody else alike; the shorter ones are soon over.
  const isLonger = isStrangerHeld && limit !== 'perDay' && limit !== 'ramp';
  const text = isLonger ? strangers : limit && LIMIT_TEXT[limit];
  return text && `the pacing of its session held it back: ${text}${before}`;
}

function messages(count: number): string {
  if (count >= COUNTED_PLACES) return `${String(COUNTED_PLACES)} messages or more were`;
  return count === 1 ? '1 message was' : `${String(count)} messages were`;
}

function seconds(ms: number): string {
  return String(Math.round(ms / 1_000));
}

function clause(sentence: string): string {
  return sentence.replace(/\.$/, '');
}
