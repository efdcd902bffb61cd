import { describe, expect, it } from 'vitest';
import { runRandomHistory } from './random-history.js';
import { keepResult, kindsOf } from './run-report.js';

const SEED = 7;
const DEEDS = [
  'kill api',
  'kill node',
  'kill browser',
  'crash database',
  'drop connections',
  'rendererCrash',
  'sendThrowsAfterHandOver',
  'acks shuffled',
  'reload page',
];

describe('a random history', () => {
  it('breaks no promise, whatever is killed in it', async () => {
    const result = await runRandomHistory({
      seed: SEED,
      durationMs: 25_000,
      sessions: 1,
      paceMs: 300,
      nemesisEveryMs: [1_000, 3_000],
      deeds: DEEDS,
      unknownFinalSeconds: 30,
      quietDeadlineMs: 400_000,
      tell: () => undefined,
    });
    const { history, violations, deeds } = result;
    const kept = violations.length > 0 ? await keepResult('history', SEED, result) : '';
    expect(kindsOf(violations), `seed ${String(SEED)}; the history is in ${kept}`).toEqual([]);
    // A run in which nothing happened proves nothing.
    expect(deeds.length).toBeGreaterThan(0);
    expect(history.handOvers.length).toBeGreaterThan(10);
    expect(history.messages.filter(({ direction }) => direction === 'in').length).toBeGreaterThan(10);
    expect(history.events?.length).toBeGreaterThan(history.handOvers.length);
  }, 900_000);
});
