import { checkHistory } from '../history/check-history.js';
import type { Violation } from '../history/violation.js';
import { FaultsStack } from '../nemesis/faults-stack.js';
import { readEverything } from '../nemesis/observer.js';
import { ProgramCopy } from '../nemesis/program-copy.js';
import { recordHistory } from '../nemesis/record-history.js';
import { kindsOf, teller } from '../nemesis/run-report.js';
import { waitUntilQuiet } from '../nemesis/wait-until-quiet.js';
import type { FaultOptions } from '../options.js';
import { INBOUND_MUTANTS } from './inbound-mutants.js';
import type { CodeMutant, FunctionPatch, ProgramPatch } from './mutant.js';
import { OUTBOUND_MUTANTS } from './outbound-mutants.js';
import { Scene } from './scene.js';
import type { Scenario } from './scenarios.js';

/** A mutant may never come to rest. */
const QUIET_MS = 20_000;

interface Verdict {
  mutant: CodeMutant;
  caught: Violation[];
  others: Violation[];
  seconds: number;
  /** It could not be made or played: that is no catch. */
  failure?: string;
}

/** `npm run faults -- mutants [--only "part of a name,part of another"] [--seed 1]`: each mutant has to be caught, and nothing else. */
export async function run(options: FaultOptions): Promise<number> {
  const only = (options.text('only') ?? '').split(',');
  const seed = options.number('seed', 1);
  const tell = teller();
  const mutants = [...OUTBOUND_MUTANTS, ...INBOUND_MUTANTS].filter(({ name }) =>
    only.some((part) => name.includes(part)),
  );
  const scenarios = [...new Set(mutants.map(({ scenario }) => scenario))];
  tell(`${String(scenarios.length)} scenarios on the program as it is`);
  const sound = await play(scenarios, seed);
  if (sound.length > 0) tell(['the program as it is:', ...kindsOf(sound)].join('\n           '));
  const verdicts: Verdict[] = [];
  for (const mutant of mutants) {
    const verdict = await judge(mutant, seed);
    tell(lineOf(verdict));
    verdicts.push(verdict);
  }
  const caught = verdicts.filter(({ failure, caught: found }) => !failure && found.length > 0).length;
  process.stdout.write(`\n${table(verdicts)}\n\n${String(caught)} of ${String(verdicts.length)} caught\n`);
  return caught === verdicts.length && sound.length === 0 ? 0 : 1;
}

async function judge(mutant: CodeMutant, seed: number): Promise<Verdict> {
  const startedAt = performance.now();
  const verdict = { mutant, caught: [], others: [] };
  try {
    const violations = await play([mutant.scenario], seed, mutant);
    const isCatch = ({ invariant }: Violation) => mutant.caughtBy.includes(invariant);
    const seconds = (performance.now() - startedAt) / 1000;
    return {
      mutant,
      caught: violations.filter(isCatch),
      others: violations.filter((one) => !isCatch(one)),
      seconds,
    };
  } catch (error) {
    return { ...verdict, seconds: (performance.now() - startedAt) / 1000, failure: String(error) };
  }
}

/** Plays scenarios one after the other on one stack, and checks the whole. */
async function play(scenarios: Scenario[], seed: number, mutant?: CodeMutant): Promise<Violation[]> {
  const copy = await ProgramCopy.make('mutant');
  try {
    for (const patch of (mutant?.patches ?? []).filter(isProgramPatch)) {
      await copy.patch(patch.file, patch.before, patch.after);
    }
    const faults = await FaultsStack.start({
      sessions: 2,
      programs: copy.programs,
      apiEnv: { MESSAGE_ACK_TIMEOUT_SECONDS: '3', MESSAGE_UNKNOWN_FINAL_SECONDS: '12' },
    });
    try {
      return await playOn(faults, scenarios, seed, mutant);
    } finally {
      await faults.close();
    }
  } finally {
    await copy.remove();
  }
}

async function playOn(
  faults: FaultsStack,
  scenarios: Scenario[],
  seed: number,
  mutant: CodeMutant | undefined,
): Promise<Violation[]> {
  for (const patch of (mutant?.patches ?? []).filter(isFunctionPatch)) {
    await faults.database.patchFunction(patch.function, patch.before, patch.after);
  }
  if (mutant?.sql !== undefined) await faults.database.execute(mutant.sql);
  const startedAtMs = Date.now();
  const scene = await Scene.open(faults, seed);
  for (const scenario of scenarios) {
    await scenario(scene);
    await faults.stack.simulated.request('DELETE', '/faults');
  }
  await waitUntilQuiet(faults, QUIET_MS, () => undefined);
  for (const tenant of faults.tenants) await readEverything(tenant);
  const history = await recordHistory(faults, {
    seed,
    startedAtMs,
    opaque: scene.run.opaque,
    downloadsDamaged: scene.run.downloadsDamaged,
    optOuts: [],
    handOverSlackMs: 10_000,
  });
  return checkHistory(history);
}

function isProgramPatch(patch: ProgramPatch | FunctionPatch): patch is ProgramPatch {
  return 'file' in patch;
}

function isFunctionPatch(patch: ProgramPatch | FunctionPatch): patch is FunctionPatch {
  return 'function' in patch;
}

function lineOf({ mutant, caught, others, seconds, failure }: Verdict): string {
  if (failure !== undefined) return `FAILED  ${mutant.name}: ${failure}`;
  const [first] = caught;
  const what = first ? `${first.invariant} ${first.what}` : `nothing (${kindsOf(others).join('; ')})`;
  return `${first ? 'caught' : 'MISSED'}  ${mutant.name} (${seconds.toFixed(0)} s): ${what}`;
}

function table(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map(({ mutant, caught, seconds, failure }) => {
    const by = [...new Set(caught.map(({ invariant }) => invariant))].join(', ');
    const verdict = failure === undefined ? by || 'not caught' : 'could not be played';
    return `| ${mutant.name} | ${verdict} | ${seconds.toFixed(0)} |`;
  });
  return ['| mutant | caught by | seconds |', '| --- | --- | --- |', ...rows].join('\n');
}
