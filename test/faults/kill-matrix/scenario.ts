import type { FailpointName } from '#runtime';
import type { KillStack } from './kill-stack.js';

/** What a round came to, counted once everything in it is settled. */
export interface Verdict {
  /** Accepted and gone, said to have left and not seen by the witness, or sent to us and not recorded. */
  lost: number;
  /** Handed over more than once, or recorded more than once. */
  doubled: number;
  /** Not in the order of their chat. */
  disordered: number;
  /** Messages whose fate was unknown for a while, and is known. */
  unknownResolved: number;
  unknownFinal: number;
  /** Those of them that had left: the page forgot what it had handed over. */
  unknownLeft: number;
}

/** A round after the kill and the restart. */
export interface Round {
  /** Waits until everything of the round is settled, and counts. Called after all rounds, so that they can wait together. */
  verify(): Promise<Verdict>;
}

export interface RoundContext {
  target: KillStack;
  /** From 1. */
  number: number;
  /** Unique in the run. */
  tag: string;
  /** From 0 to 1, from the run's seed. */
  random: () => number;
  /** A whole number from 1 to `most`. */
  pick: (most: number) => number;
  /** For the failpoints of the round. */
  seed: number;
}

/** One row of the kill matrix. */
export interface Scenario {
  name: string;
  /** Where the kill comes, and what must be afterwards. */
  what: string;
  failpoints: FailpointName[];
  run(context: RoundContext): Promise<Round>;
}

export const NOTHING: Verdict = {
  lost: 0,
  doubled: 0,
  disordered: 0,
  unknownResolved: 0,
  unknownFinal: 0,
  unknownLeft: 0,
};

export function sum(one: Verdict, other: Verdict): Verdict {
  return {
    lost: one.lost + other.lost,
    doubled: one.doubled + other.doubled,
    disordered: one.disordered + other.disordered,
    unknownResolved: one.unknownResolved + other.unknownResolved,
    unknownFinal: one.unknownFinal + other.unknownFinal,
    unknownLeft: one.unknownLeft + other.unknownLeft,
  };
}
