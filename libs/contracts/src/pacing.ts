import { z } from 'zod';

const MOST_PER_DAY = 1_000_000;
const LONGEST_GAP_MS = 3_600_000;

const capSchema = z.int().min(1).max(MOST_PER_DAY).nullable().default(null);

/**
 * How fast a session hands messages over to WhatsApp. Every cap holds in any stretch of time of its length, wherever it
 * begins. What is left out is not limited; `{}` limits nothing.
 */
export const pacingSchema = z
  .strictObject({
    gapMs: z
      .int()
      .min(0)
      .max(LONGEST_GAP_MS)
      .default(0)
      .describe('Shortest time between two hand-overs, in milliseconds; one message at a time leaves then'),
    jitterMs: z
      .int()
      .min(0)
      .max(LONGEST_GAP_MS)
      .default(0)
      .describe('Up to this much is added to each gap, in milliseconds, at random'),
    perMinute: capSchema.describe('Messages within any 60 seconds; null: no cap'),
    perHour: capSchema.describe('Messages within any hour; null: no cap'),
    perDay: capSchema.describe('Messages within any 24 hours; null: no cap'),
    strangersPerDay: z
      .int()
      .min(0)
      .max(MOST_PER_DAY)
      .nullable()
      .default(null)
      .describe(
        'Messages within any 24 hours to people who never wrote to this session; null: no cap of their own',
      ),
    ramp: z
      .strictObject({
        firstDay: z
          .int()
          .min(1)
          .max(MOST_PER_DAY)
          .describe('Messages within 24 hours on the first day after the session was linked'),
        morePerDay: z
          .int()
          .min(1)
          .max(MOST_PER_DAY)
          .describe('So many more on each further day, up to perDay'),
      })
      .nullable()
      .default(null)
      .describe('A cap for new sessions that grows from the day they were linked; null: none'),
  })
  .refine(({ ramp, perDay }) => ramp === null || perDay !== null, {
    path: ['ramp'],
    message: 'needs perDay, the cap up to which it grows',
  });
export type Pacing = z.infer<typeof pacingSchema>;

/** A policy as it is stored: without what limits nothing, so that `{}` is none. */
export function compactPacing(pacing: Pacing): Partial<Pacing> {
  const limits = Object.entries(pacing).filter(
    ([name, value]) => value !== null && (value !== 0 || name === 'strangersPerDay'),
  );
  return Object.fromEntries(limits);
}

/** "Typing" is shown for this long at most before a message, in milliseconds. */
export const LONGEST_TYPING_MS = 8_000;

/** Why the queue of a session is paused; a closed set, with a sentence for people in {@link PAUSE_TEXT}. */
export const PAUSE_TEXT = {
  requested: 'A request asked for it.',
  unacknowledged: 'WhatsApp acknowledged none of the last messages.',
  not_on_whatsapp: 'None of the last recipients was on WhatsApp.',
  banned: 'WhatsApp blocked this number.',
} as const;
export const PAUSE_REASONS = Object.keys(PAUSE_TEXT) as [
  keyof typeof PAUSE_TEXT,
  ...(keyof typeof PAUSE_TEXT)[],
];
export const pauseReasonSchema = z.enum(PAUSE_REASONS);
export type PauseReason = z.infer<typeof pauseReasonSchema>;
