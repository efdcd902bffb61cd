import type { FaultOptions } from '../options.js';
import { keepResult, kindsOf, teller } from './run-report.js';
import { runInboundBurst } from './inbound-burst.js';
import { ProgramCopy } from './program-copy.js';

const DEEDS = ['kill api', 'kill browser', 'crash database', 'kill node'];
/** Injected twice, loaded anew, with listeners that come late. */
const UNRULY_DEEDS = ['navigates', 'reload page', ...DEEDS, 'navigates', 'reload page'];

/** `npm run faults -- inbound [--messages 10000] [--sessions 10] [--seed 1] [--unruly]`. */
export async function run(options: FaultOptions): Promise<number> {
  const tell = teller();
  const unruly = options.has('unruly');
  const wish = {
    seed: options.number('seed', 1),
    messages: options.number('messages', 10_000, { min: 1 }),
    sessions: options.number('sessions', 10, { min: 1, max: 50 }),
    listensLate: unruly,
    deeds: unruly ? UNRULY_DEEDS : DEEDS,
  };
  const { seed, messages, sessions } = wish;
  tell(`seed ${String(seed)}, ${String(messages)} messages, ${String(sessions)} sessions`);
  const copy = await ProgramCopy.make('inbound');
  try {
    const result = await runInboundBurst({
      ...wish,
      programs: copy.programs,
      quietDeadlineMs: 600_000,
      tell,
    });
    const { history, violations, tookMs } = result;
    const rows = history.messages.filter(({ direction }) => direction === 'in').length;
    tell(
      `sent ${String(history.pushed.length)}, rows ${String(rows)}, after ${(tookMs / 1000).toFixed(1)} s`,
    );
    tell([`violations ${String(violations.length)}`, ...kindsOf(violations)].join('\n           '));
    if (violations.length === 0 && !options.has('keep')) return 0;
    tell(`the history is in ${await keepResult('inbound', seed, result)}`);
    return violations.length === 0 ? 0 : 1;
  } finally {
    await copy.remove();
  }
}
