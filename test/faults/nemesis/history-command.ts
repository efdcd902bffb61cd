import type { FaultOptions } from '../options.js';
import { ProgramCopy } from './program-copy.js';
import { runRandomHistory, type RandomHistoryResult } from './random-history.js';
import { keepResult, kindsOf, teller } from './run-report.js';

/** `npm run faults -- history --seed 1 --minutes 10 --sessions 3 [--pace 400] [--every 5000]`. */
export async function run(options: FaultOptions): Promise<number> {
  const seed = options.number('seed', Date.now() % 1_000_000);
  const minutes = options.number('minutes', 10, { min: 0.1, max: 600 });
  const sessions = options.number('sessions', 3, { min: 1, max: 50 });
  const every = options.number('every', 8_000, { min: 100 });
  const tell = teller();
  tell(`seed ${String(seed)}, ${String(minutes)} minutes, ${String(sessions)} sessions`);
  const copy = await ProgramCopy.make('history');
  try {
    const result = await runRandomHistory({
      seed,
      sessions,
      durationMs: minutes * 60_000,
      paceMs: options.number('pace', 400, { min: 1 }),
      nemesisEveryMs: [every / 2, every * 1.5],
      unknownFinalSeconds: 120,
      programs: copy.programs,
      quietDeadlineMs: 300_000,
      tell,
    });
    tell(summary(result));
    if (result.violations.length === 0 && !options.has('keep')) return 0;
    tell(`the history is in ${await keepResult('history', seed, result)}`);
    return result.violations.length === 0 ? 0 : 1;
  } finally {
    await copy.remove();
  }
}

function summary({ history, violations, deeds, quietAfterMs }: RandomHistoryResult): string {
  const { client, messages, handOvers, pushed, events } = history;
  const counts = new Map<string, number>();
  for (const { status, direction } of messages) {
    if (direction === 'out') counts.set(status, (counts.get(status) ?? 0) + 1);
  }
  const byStatus = [...counts].sort().map(([status, count]) => `${status} ${String(count)}`);
  return [
    `requests ${String(client.length)}, hand-overs ${String(handOvers.length)}, came in ${String(pushed.length)}, events ${String(events?.length ?? 0)}`,
    `sent messages: ${byStatus.join(', ')}`,
    `faults ${String(deeds.length)}; quiet after ${String(Math.round(quietAfterMs / 1000))} s`,
    `violations ${String(violations.length)}`,
    ...kindsOf(violations),
  ].join('\n           ');
}
