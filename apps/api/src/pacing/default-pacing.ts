import { compactPacing, pacingSchema, type Pacing, type SessionMode } from '#contracts';
import type { ApiConfig } from '../config.js';

type PacingConfig = Pick<
  ApiConfig,
  | 'PACING_GAP_MS'
  | 'PACING_JITTER_MS'
  | 'PACING_PER_MINUTE'
  | 'PACING_PER_HOUR'
  | 'PACING_PER_DAY'
  | 'PACING_STRANGERS_PER_DAY'
  | 'PACING_RAMP_FIRST_DAY'
  | 'PACING_RAMP_MORE_PER_DAY'
>;

/** The operator's policy, as it is stored, for live sessions without one of their own; `{}`: none. */
export function defaultPacing(config: PacingConfig): Partial<Pacing> {
  const capOf = (most: number) => (most === 0 ? null : most);
  const { PACING_RAMP_FIRST_DAY: firstDay, PACING_RAMP_MORE_PER_DAY: morePerDay } = config;
  const hasRamp = firstDay > 0 && config.PACING_PER_DAY > 0;
  return compactPacing({
    gapMs: config.PACING_GAP_MS,
    jitterMs: config.PACING_JITTER_MS,
    perMinute: capOf(config.PACING_PER_MINUTE),
    perHour: capOf(config.PACING_PER_HOUR),
    perDay: capOf(config.PACING_PER_DAY),
    strangersPerDay: capOf(config.PACING_STRANGERS_PER_DAY),
    ramp: hasRamp ? { firstDay, morePerDay } : null,
  });
}

/** The policy of a session: its own, else the operator's, which is for real numbers only; null: none. */
export function policyOf(
  { pacing, mode }: { pacing: object | null; mode: SessionMode },
  fallback: Partial<Pacing>,
): Pacing | null {
  const stored = pacing ?? (mode === 'live' ? fallback : {});
  return Object.keys(stored).length === 0 ? null : pacingSchema.parse(stored);
}
