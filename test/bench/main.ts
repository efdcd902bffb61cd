import { acceptBench } from './accept-bench.js';
import { BenchRun } from './bench-run.js';
import { dispatchBench } from './dispatch-bench.js';
import { fiftyBench } from './fifty-bench.js';
import { inboundBench } from './inbound-bench.js';
import { mediaBench } from './media-bench.js';
import { memoryBench } from './memory-bench.js';
import { searchBench } from './search-bench.js';
import { senderBench } from './sender-bench.js';
import { webhooksBench } from './webhooks-bench.js';
import { load, machine, toTable, withRatio, type BenchReport } from './report.js';

interface Bench {
  measure: (run: BenchRun) => Promise<void>;
  /** A bench that takes longer is ended. */
  limitMinutes: number;
  /** Left out unless it is named. */
  onlyWhenNamed?: true;
}

const BENCHES: Record<string, Bench> = {
  accept: { measure: acceptBench, limitMinutes: 5 },
  dispatch: { measure: dispatchBench, limitMinutes: 15 },
  inbound: { measure: inboundBench, limitMinutes: 10 },
  sender: { measure: senderBench, limitMinutes: 20 },
  webhooks: { measure: webhooksBench, limitMinutes: 15 },
  memory: { measure: memoryBench, limitMinutes: 20 },
  search: { measure: searchBench, limitMinutes: 45, onlyWhenNamed: true },
  media: { measure: mediaBench, limitMinutes: 45, onlyWhenNamed: true },
  fifty: { measure: fiftyBench, limitMinutes: 40, onlyWhenNamed: true },
};

class Interrupted extends Error {}

/** Rejects at the first Ctrl-C or SIGTERM. */
const interrupted = new Promise<never>((_, reject) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => reject(new Interrupted(signal)));
  }
});

async function measure(name: string, { measure: work, limitMinutes }: Bench): Promise<BenchReport> {
  const run = new BenchRun(name);
  const before = load();
  const startedAt = new Date();
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`${name} took longer than ${String(limitMinutes)} minutes`));
    }, limitMinutes * 60_000);
  });
  const working = work(run);
  // Once it is given up, what it was doing fails in its own way, which is of no interest.
  working.catch(() => undefined);
  try {
    await Promise.race([working, tooLong, interrupted]);
  } finally {
    clearTimeout(timer);
    await run.close();
  }
  return {
    bench: name,
    startedAt: startedAt.toISOString(),
    seconds: (Date.now() - startedAt.getTime()) / 1000,
    load: [before, load()],
    figures: run.figures.map(withRatio),
    notes: run.notes,
  };
}

function chosen(names: string[]): string[] {
  const unknown = names.filter((name) => !(name in BENCHES));
  if (unknown.length > 0) {
    process.stderr.write(
      `bench: there is no ${unknown.join(', ')}; there are ${Object.keys(BENCHES).join(', ')}\n`,
    );
    process.exit(2);
  }
  return names.length > 0 ? names : Object.keys(BENCHES).filter((name) => !BENCHES[name]?.onlyWhenNamed);
}

async function main(): Promise<void> {
  const args = process.argv.slice(2);
  const isJson = args.includes('--json');
  const names = chosen(args.filter((arg) => arg !== '--json'));
  const reports: BenchReport[] = [];
  if (!isJson) process.stdout.write(`${machine()}\n\n`);
  for (const name of names) {
    const report = await measure(name, BENCHES[name] as Bench);
    reports.push(report);
    if (!isJson) process.stdout.write(`${toTable(report)}\n`);
  }
  if (isJson) process.stdout.write(`${JSON.stringify({ machine: machine(), benches: reports }, null, 2)}\n`);
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    if (error instanceof Interrupted) process.exit(130);
    process.stderr.write(
      `bench: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
    process.exit(1);
  },
);
