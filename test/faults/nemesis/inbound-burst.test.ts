import { describe, expect, it } from 'vitest';
import { runInboundBurst } from './inbound-burst.js';
import { keepResult, kindsOf } from './run-report.js';

const MESSAGES = 300;

describe('a burst of messages that come in', () => {
  it('is recorded to the last one, once and in order, while api and browser are killed', async () => {
    const result = await runInboundBurst({
      seed: 1,
      messages: MESSAGES,
      sessions: 2,
      deeds: ['kill api', 'kill browser'],
      listensLate: false,
      quietDeadlineMs: 400_000,
      tell: () => undefined,
    });
    const { history, violations, deeds } = result;
    const kept = violations.length > 0 ? await keepResult('inbound', 1, result) : '';
    expect(kindsOf(violations), `the history is in ${kept}`).toEqual([]);
    expect(deeds.map(({ deed }) => deed)).toEqual(['kill api', 'kill browser']);
    expect(history.messages.filter(({ direction }) => direction === 'in')).toHaveLength(MESSAGES);
  }, 900_000);
});
