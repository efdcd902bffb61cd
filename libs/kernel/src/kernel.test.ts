import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  AppError,
  DeadlineError,
  SystemClock,
  backoff,
  idBoundary,
  isAppError,
  newId,
  withDeadline,
} from './index.js';

describe('newId', () => {
  it('gives a prefix and 26 characters of lower-case base32', () => {
    expect(newId('ses')).toMatch(/^ses_[0-9a-hjkmnp-tv-z]{26}$/);
  });

  it('sorts in the order of making and never repeats, whatever the clock does', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 2 ** 47 }), { minLength: 2, maxLength: 200 }),
        (times) => {
          const ids = times.map((timeMs) => newId('msg', timeMs));
          expect([...ids].sort()).toEqual(ids);
          expect(new Set(ids).size).toBe(ids.length);
        },
      ),
    );
  });

  it('refuses a prefix that is not three lower-case letters', () => {
    for (const prefix of ['', 'ab', 'abcd', 'AB1', 'a_b']) expect(() => newId(prefix)).toThrow(TypeError);
  });
});

describe('idBoundary', () => {
  it('parts the ids made before a time from those made at it or later', () => {
    // Later than any time that another test gave: ids of a process never step back.
    const nowMs = 2 ** 47 + 1;
    expect(newId('msg', nowMs) >= idBoundary('msg', nowMs)).toBe(true);
    expect(newId('msg', nowMs) < idBoundary('msg', nowMs + 1)).toBe(true);
  });
});

describe('backoff', () => {
  it('stays within the jittered ceiling for every attempt', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 5000 }),
        fc.integer({ min: 1, max: 10_000 }),
        fc.integer({ min: 1, max: 600_000 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (attempt, baseMs, maxMs, random) => {
          const waitMs = backoff(attempt, { baseMs, maxMs, random: () => random });
          expect(Number.isInteger(waitMs)).toBe(true);
          expect(waitMs).toBeGreaterThanOrEqual(0);
          expect(waitMs).toBeLessThanOrEqual(Math.min(maxMs, baseMs * 2 ** attempt));
        },
      ),
    );
  });

  it('doubles its ceiling until the maximum', () => {
    const ceilings = [0, 1, 2, 3, 4].map((n) =>
      backoff(n, { baseMs: 100, maxMs: 1000, random: () => 0.999999 }),
    );
    expect(ceilings).toEqual([100, 200, 400, 800, 1000]);
  });
});

describe('withDeadline', () => {
  it('passes on what the promise gives, value or error', async () => {
    await expect(withDeadline(Promise.resolve(7), 1000, 'counting')).resolves.toBe(7);
    await expect(withDeadline(Promise.reject(new Error('no')), 1000, 'counting')).rejects.toThrow('no');
  });

  it('rejects with a retryable-only-by-knowledge error that names the work', async () => {
    const stuck = new Promise<never>(() => undefined);
    const error: unknown = await withDeadline(stuck, 5, 'the page').catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(DeadlineError);
    expect(error).toMatchObject({ code: 'service_unavailable', outcome: 'unknown', timeoutMs: 5 });
    expect(String(error)).toContain('the page took longer than 5 ms');
  });
});

describe('AppError', () => {
  it('keeps code, details, cause and outcome', () => {
    const cause = new Error('socket');
    const error = new AppError('node_unavailable', 'the node is away', {
      cause,
      outcome: 'not_sent',
      retryAfterSeconds: 3,
      details: [{ path: 'to', message: 'must be a number' }],
    });
    expect(error.cause).toBe(cause);
    expect(error).toMatchObject({ outcome: 'not_sent', retryAfterSeconds: 3 });
    expect(error.details[0]?.path).toBe('to');
    expect(isAppError(error)).toBe(true);
    expect(isAppError(error, 'not_found')).toBe(false);
    expect(isAppError(new Error('x'))).toBe(false);
  });
});

describe('SystemClock', () => {
  it('has a monotonic side that does not run backwards', () => {
    const clock = new SystemClock();
    const first = clock.monotonicMs();
    expect(clock.monotonicMs()).toBeGreaterThanOrEqual(first);
    expect(Math.abs(clock.now().getTime() - Date.now())).toBeLessThan(1000);
  });
});
