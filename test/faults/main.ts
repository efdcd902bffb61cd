import { readOptions, type FaultOptions } from './options.js';

interface Command {
  about: string;
  /** Resolves with the exit code: 0 only when everything held. Throws for what kept it from running. */
  load: () => Promise<{ run: (options: FaultOptions) => Promise<number> }>;
}

/** Each is one module with a `run`; a new one is one line here. */
const COMMANDS: Record<string, Command> = {
  history: {
    about: 'random load and random faults, then the checker: --seed --minutes --sessions',
    load: () => import('./nemesis/history-command.js'),
  },
  inbound: {
    about: 'a burst of messages while every part dies: --messages --sessions --seed --unruly',
    load: () => import('./nemesis/inbound-command.js'),
  },
  mutants: {
    about: 'bugs written into a copy of the programs, each to be caught by the checker: --only --seed',
    load: () => import('./mutants/mutants-command.js'),
  },
  webhooks: {
    about: 'events for good and bad receivers while the api is killed: --events --webhooks --kills',
    load: () => import('./webhooks/webhooks-command.js'),
  },
  'kill-matrix': {
    about: 'a kill at every point, again and again: --rounds --seed --only K1,K7',
    load: () => import('./kill-matrix/kill-matrix-command.js'),
  },
};

async function main(): Promise<number> {
  const [name = '', ...args] = process.argv.slice(2);
  const command = COMMANDS[name];
  if (!command) {
    const lines = Object.entries(COMMANDS).map(([known, { about }]) => `  ${known.padEnd(12)} ${about}`);
    process.stderr.write(`npm run faults -- <what> [options]\n\n${lines.join('\n')}\n`);
    return 2;
  }
  const { run } = await command.load();
  return run(readOptions(args));
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exit(2);
  },
);
