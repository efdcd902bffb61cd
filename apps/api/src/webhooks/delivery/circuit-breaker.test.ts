import { describe, expect, it } from 'vitest';
import { CircuitBreaker } from './circuit-breaker.js';

describe('CircuitBreaker', () => {
  it('lets everything through until failures come in a row', () => {
    const breaker = new CircuitBreaker();
    for (let i = 0; i < 20; i += 1) {
      for (let j = 0; j < 4; j += 1) breaker.failed(i, null);
      breaker.succeeded();
    }
    expect(breaker.allowed(8, 20)).toBe(8);
    expect(breaker.current).toEqual({ failures: 0, failingSinceMs: null, openUntilMs: null });
  });

  it('opens, lets one probe through after a wait that grows to a bound, and closes at a success', () => {
    const breaker = new CircuitBreaker(undefined, () => 1);
    let nowMs = 1_000;
    for (let i = 0; i < 5; i += 1) breaker.failed(nowMs, null);
    const waits: number[] = [];
    for (let i = 0; i < 12; i += 1) {
      expect(breaker.allowed(8, nowMs)).toBe(0);
      const waitMs = breaker.waitMs(nowMs);
      waits.push(waitMs);
      nowMs += waitMs;
      expect(breaker.allowed(8, nowMs)).toBe(1);
      breaker.failed(nowMs, null);
    }
    expect(waits).toEqual([...waits].sort((a, b) => a - b));
    expect(waits.at(-1)).toBe(waits.at(-2));
    expect(breaker.current.failingSinceMs).toBe(1_000);
    breaker.succeeded();
    expect(breaker.allowed(8, nowMs)).toBe(8);
  });

  it('waits as long as the receiver asks, within its bound', () => {
    const breaker = new CircuitBreaker(undefined, () => 0);
    for (let i = 0; i < 5; i += 1) breaker.failed(0, 60);
    expect(breaker.waitMs(0)).toBe(60_000);
    breaker.failed(0, 1_000_000);
    expect(breaker.waitMs(0)).toBe(300_000);
  });
});
