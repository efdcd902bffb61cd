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
 * When a message leaves that has `ahead` others before it, if the session stays connected, nothing overtakes, and
 * sending takes no time. The gaps still to come are taken with half their jitter.
 */
export function forecast(policy: Pacing, state: PacingState, ahead: number): number {
  const times = [...state.handOvers];
  const gapMs = policy.gapMs + policy.jitterMs / 2;
  let atMs = Math.max(state.nowMs, state.freeMs);
  for (let place = 0; place <= ahead; place += 1) {
    if (place > 0) atMs += gapMs;
    atMs = firstRoom(policy, state.linkedMs, times, atMs);
    times.push(atMs);
  }
  return Math.round(atMs);
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
