import type { Pacing } from '#contracts';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** What a forecast starts from. Times are milliseconds since 1970, by the database's clock. */
export interface PacingState {
  nowMs: number;
  linkedMs: number;
  /** The gap after the last hand-over ends here. */
  freeMs: number;
  /** Ends of the last day's hand-overs, the oldest first; one under way ends now. */
  handOvers: readonly number[];
}

/**
 * Says of one message after the other when it leaves, if the session stays connected, nothing overtakes, and sending
 * takes no time. The gaps still to come are taken with half their jitter.
 */
export class QueueForecast {
  private readonly times: number[];
  private readonly gapMs: number;
  private atMs: number;
  private isFirst = true;

  constructor(
    private readonly policy: Pacing,
    private readonly state: PacingState,
  ) {
    this.times = [...state.handOvers];
    this.gapMs = policy.gapMs + policy.jitterMs / 2;
    this.atMs = Math.max(state.nowMs, state.freeMs);
  }

  /** When the next one leaves. */
  next(): number {
    if (!this.isFirst) this.atMs += this.gapMs;
    this.isFirst = false;
    this.atMs = firstRoom(this.policy, this.state.linkedMs, this.times, this.atMs);
    this.times.push(this.atMs);
    return Math.round(this.atMs);
  }

  skip(count: number): this {
    for (let i = 0; i < count; i += 1) this.next();
    return this;
  }
}

/** When a message leaves that has `ahead` others before it. */
export function forecast(policy: Pacing, state: PacingState, ahead: number): number {
  return new QueueForecast(policy, state).skip(ahead).next();
}

/** The same for a cap of its own within 24 hours. */
export function forecastCap(perDay: number, nowMs: number, handOvers: readonly number[], ahead: number) {
  if (perDay === 0) return null;
  const policy = { gapMs: 0, jitterMs: 0, perMinute: null, perHour: null, perDay, strangersPerDay: null };
  return forecast({ ...policy, ramp: null }, { nowMs, linkedMs: nowMs, freeMs: nowMs, handOvers }, ahead);
}

/** Cap of 24 hours at a time: it grows until the ramp has reached `perDay`. */
function dayCap({ perDay, ramp }: Pacing, linkedMs: number, atMs: number): number | null {
  if (perDay === null || ramp === null) return perDay;
  const days = Math.max(Math.floor((atMs - linkedMs) / DAY_MS), 0);
  return Math.min(perDay, ramp.firstDay + ramp.morePerDay * days);
}

function firstRoom(policy: Pacing, linkedMs: number, times: readonly number[], fromMs: number): number {
  let atMs = fromMs;
  for (;;) {
    const perDay = dayCap(policy, linkedMs, atMs);
    const nextMs = Math.max(
      roomAfter(times, policy.perMinute, MINUTE_MS),
      roomAfter(times, policy.perHour, HOUR_MS),
      roomAfter(times, perDay, DAY_MS),
    );
    if (nextMs <= atMs) return atMs;
    const isGrowing = perDay !== policy.perDay;
    const growsMs = linkedMs + (Math.floor((atMs - linkedMs) / DAY_MS) + 1) * DAY_MS;
    atMs = isGrowing ? Math.min(nextMs, growsMs) : nextMs;
  }
}

/** From when on one more fits in, with the last `cap` of `times` at hand. */
function roomAfter(times: readonly number[], cap: number | null, spanMs: number): number {
  if (cap === null || times.length < cap) return Number.NEGATIVE_INFINITY;
  return (times[times.length - cap] ?? 0) + spanMs;
}
