import { describe, expect, it } from 'vitest';
import { checkHistory } from './check-history.js';
import { RECORDING_BUGS } from './recording-bugs.js';
import { SENDING_BUGS } from './sending-bugs.js';
import { syntheticHistory } from './synthetic-history.js';

const BUGS = [...SENDING_BUGS, ...RECORDING_BUGS];

describe('the history checker', () => {
  it('finds nothing in a run as it should be', () => {
    expect(checkHistory(syntheticHistory())).toEqual([]);
  });

  it('knows a bug of each kind', () => {
    expect(new Set(BUGS.map(({ caughtBy }) => caughtBy)).size).toBe(12);
    expect(BUGS.length).toBeGreaterThanOrEqual(20);
  });

  it.each(BUGS)('catches that $bug ($caughtBy)', ({ caughtBy, names, apply }) => {
    const history = syntheticHistory();
    apply(history);
    const found = checkHistory(history).filter(({ invariant }) => invariant === caughtBy);
    expect(found.map(({ id }) => id).join(' ')).toContain(names);
    expect(found.every(({ what, evidence }) => what.length > 0 && evidence !== undefined)).toBe(true);
  });
});
