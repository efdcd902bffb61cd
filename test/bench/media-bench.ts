import { FLOOD_SETTINGS, floodWithMedia, growthOf } from '../support/media-flood.js';
import { linkSession, newPhone } from '../support/session-steps.js';
import type { BenchRun } from './bench-run.js';
import { startBenchStack } from './bench-stack.js';

const MESSAGES = 1_000;
const DEADLINE_MS = 40 * 60_000;
/** What a process may have more at the end than at the beginning of a thousand files; together they are 136 MB. */
const MOST_GROWTH_MIB = 60;

/** A thousand files that come in while one download in ten fails: how they end, and what memory it takes. */
export async function mediaBench(run: BenchRun): Promise<void> {
  const server = await run.postgres();
  const database = await run.database(server);
  const stack = await startBenchStack(run, { database, profile: '2026-09', apiEnv: FLOOD_SETTINGS });
  const { client } = await stack.createTenant('Media');
  const phone = newPhone();
  await linkSession(stack, client, phone);
  const result = await floodWithMedia(stack, client, phone, {
    messages: MESSAGES,
    deadlineMs: DEADLINE_MS,
    log: (line) => run.log(line),
  });
  for (const [end, count] of Object.entries(result.ends).sort()) {
    run.add({ what: `ended ${end}`, unit: '', wagate: count });
  }
  run.add({ what: 'all ended and compared', unit: 's', wagate: result.seconds });
  run.add({ what: 'sent', unit: 'MB', wagate: result.bytes / 1e6 });
  for (const [name, samples] of Object.entries(result.memory)) {
    run.add({ what: `memory of ${name}, highest`, unit: 'MiB', wagate: Math.max(...samples) });
    run.add({ what: `memory of ${name}, last third over first`, unit: 'MiB', wagate: growthOf(samples) });
    run.note(`Memory of ${name}: ${tenths(samples).join(' ')} MiB, ten looks in equal steps.`);
  }
  const grown = Object.values(result.memory).some((samples) => growthOf(samples) > MOST_GROWTH_MIB);
  if (grown) result.faults.push(`memory grew by more than ${String(MOST_GROWTH_MIB)} MiB`);
  if (result.faults.length > 0) throw new Error(`media: ${result.faults.join('; ')}`);
  run.note('Every stored file was read back through the API and has the hash of what was sent.');
}

function tenths(samples: number[]): number[] {
  return Array.from({ length: 10 }, (_, n) =>
    Math.round(samples[Math.floor((samples.length * n) / 10)] ?? 0),
  );
}
