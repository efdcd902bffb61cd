import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { groupBy } from '../history/history-index.js';
import type { Violation } from '../history/violation.js';

const ID = /\b(?:msg|med|evt|ses)_\w+/g;

/** Progress with the time since the start. */
export function teller(): (text: string) => void {
  const startedAt = performance.now();
  return (text) => {
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1).padStart(7);
    process.stdout.write(`${seconds} s  ${text}\n`);
  };
}

/** One line for each kind, with its first example: one bug breaks a promise many times. */
export function kindsOf(violations: readonly Violation[]): string[] {
  const kinds = groupBy(violations, ({ invariant, what }) => `${invariant} ${what.replace(ID, '…')}`);
  return [...kinds].map(
    ([kind, same]) => `  ${String(same.length).padStart(5)} × ${kind} (${same[0]?.id ?? ''})`,
  );
}

/** Writes a result to a folder of its own, part by part; gives the folder. */
export async function keepResult(name: string, seed: number, result: object): Promise<string> {
  const folder = join('.wagate/faults', `${name}-${String(seed)}-${String(Date.now())}`);
  await mkdir(folder, { recursive: true });
  for (const [part, value] of Object.entries(result)) {
    await writeFile(join(folder, `${part}.json`), JSON.stringify(value, null, 1));
  }
  return folder;
}
