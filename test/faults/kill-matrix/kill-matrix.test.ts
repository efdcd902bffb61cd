import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FAILPOINTS } from '#runtime';
import { contextOf, SCENARIOS } from './kill-matrix.js';
import { KillStack } from './kill-stack.js';
import type { Round } from './scenario.js';

const SLOW_MS = 400_000;
const SEED = 1;
/** The cheapest of each kind; the node first, so that doubt ends while the others run. `npm run faults` does all. */
const SHORT_FORM = ['K5', 'K7', 'K1', 'K2', 'K3', 'K9', 'K15'];

describe('the kill matrix', () => {
  it('has a scenario for each of its points, and one that reaches each failpoint', () => {
    const names = SCENARIOS.map(({ name }) => Number(name.slice(1))).sort((a, b) => a - b);
    expect(names).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    const reached = new Set(SCENARIOS.flatMap(({ failpoints }) => failpoints));
    expect([...reached].sort()).toEqual(Object.keys(FAILPOINTS).sort());
  });
});

describe('one kill at a point, on the whole of wagate', () => {
  const rounds = new Map<string, Round>();
  const scenarios = SHORT_FORM.map((name) => SCENARIOS.find((scenario) => scenario.name === name)!);
  let target: KillStack;

  beforeAll(async () => {
    target = await KillStack.start();
  }, SLOW_MS);
  afterAll(() => target.close());

  it.each(scenarios.map((scenario) => [scenario.name, scenario.what, scenario] as const))(
    '%s, %s',
    async (_name, _what, scenario) => {
      rounds.set(scenario.name, await scenario.run(contextOf(target, scenario, 1, SEED)));
      expect(target.reached).toContain(scenario.failpoints[0]);
    },
    SLOW_MS,
  );

  it.each(SHORT_FORM)(
    '%s loses nothing and doubles nothing',
    async (name) => {
      expect(await rounds.get(name)?.verify()).toMatchObject({ lost: 0, doubled: 0, disordered: 0 });
    },
    SLOW_MS,
  );
});
