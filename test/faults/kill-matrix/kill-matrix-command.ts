import { FAILPOINTS } from '#runtime';
import type { FaultOptions } from '../options.js';
import { runScenario, SCENARIOS, type ScenarioFigures } from './kill-matrix.js';
import { KillStack } from './kill-stack.js';
import type { Scenario } from './scenario.js';

const COLUMNS: [string, (figures: ScenarioFigures) => string | number][] = [
  ['point', ({ name }) => name],
  ['rounds', ({ rounds }) => rounds],
  ['lost', ({ lost }) => lost],
  ['doubled', ({ doubled }) => doubled],
  ['out of order', ({ disordered }) => disordered],
  ['unknown, resolved', ({ unknownResolved }) => unknownResolved],
  ['unknown, final', ({ unknownFinal }) => unknownFinal],
  ['of these, had left', ({ unknownLeft }) => unknownLeft],
  ['failed rounds', ({ failures }) => failures.length],
  ['seconds', ({ seconds }) => seconds],
];

/** `--rounds 20 --seed 1 --only K7,K8`: prints a table; 0 only when nothing was lost, doubled or failed. */
export async function run(options: FaultOptions): Promise<number> {
  const rounds = options.number('rounds', 20, { min: 1, max: 10_000 });
  const seed = options.number('seed', 1);
  const chosen = choose(options.text('only'));
  const target = await KillStack.start();
  const all: ScenarioFigures[] = [];
  let isStopped = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      isStopped = true;
      void target.close().finally(() => process.exit(1));
    });
  }
  try {
    for (const scenario of chosen) {
      all.push(await runScenario(target, scenario, { rounds, seed, onRound: (line) => say(line) }));
      say(table(all.slice(-1)));
    }
    say(table(all));
  } finally {
    if (!isStopped) await target.close();
  }
  for (const { name, failures } of all) for (const failure of failures) say(`${name}, ${failure}`);
  const missed = Object.keys(FAILPOINTS).filter((name) => !target.reached.has(name));
  if (options.text('only') === undefined && missed.length > 0) {
    say(`failpoints never reached: ${missed.join(', ')}`);
    return 1;
  }
  return all.every(isGood) ? 0 : 1;
}

export function isGood({ lost, doubled, disordered, failures }: ScenarioFigures): boolean {
  return lost === 0 && doubled === 0 && disordered === 0 && failures.length === 0;
}

/** @throws Error naming what is no point of the matrix */
function choose(only: string | undefined): Scenario[] {
  if (only === undefined) return [...SCENARIOS];
  return only.split(',').map((name) => {
    const scenario = SCENARIOS.find((one) => one.name === name.toUpperCase());
    if (!scenario) throw new Error(`--only: there is no point "${name}"`);
    return scenario;
  });
}

function table(all: ScenarioFigures[]): string {
  const line = (cells: (string | number)[]) => `| ${cells.join(' | ')} |`;
  return [
    line(COLUMNS.map(([title]) => title)),
    line(COLUMNS.map(() => '---')),
    ...all.map((figures) => line(COLUMNS.map(([, value]) => value(figures)))),
  ].join('\n');
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
