/** `npm run check`: everything that can be said of the code without running it. All findings at once. */
import { execFile } from 'node:child_process';
import { orExit, prepareBuild } from './prepare.mjs';
import { report, root } from './prepare/steps.mjs';

const TIMEOUT_MS = 15 * 60_000;

/** Run two at a time, the long ones first. */
const CHECKS = [
  { name: 'eslint', args: ['node_modules/eslint/bin/eslint.js', '.', '--max-warnings', '0'] },
  { name: 'types', args: ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json', '--noEmit'] },
  {
    name: 'prettier',
    args: ['node_modules/prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.'],
  },
  {
    name: 'dependencies',
    args: ['node_modules/dependency-cruiser/bin/dependency-cruise.mjs', 'apps', 'libs', 'scripts', 'test'],
  },
  { name: 'lock file', args: ['scripts/check-lock.mjs'] },
  { name: 'config documents', args: ['scripts/generate-config.mjs', '--check'] },
  { name: 'openapi.json', args: ['scripts/openapi.mjs', '--check'] },
];

function runCheck({ name, args }) {
  const startedAt = performance.now();
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      args,
      { cwd: root, timeout: TIMEOUT_MS, maxBuffer: 1e8 },
      (error, stdout, stderr) => {
        const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
        report(`${error ? 'FAILED' : 'ok    '} ${name} (${seconds} s)`);
        resolve({ name, isClean: !error, output: `${stdout}${stderr}`.trim() });
      },
    );
  });
}

await orExit(prepareBuild);
const waiting = [...CHECKS];
const results = [];
async function work() {
  for (let check = waiting.shift(); check; check = waiting.shift()) results.push(await runCheck(check));
}
await Promise.all([work(), work()]);
const failed = results.filter(({ isClean }) => !isClean);
for (const { name, output } of failed) process.stdout.write(`\n--- ${name} ---\n${output}\n`);
process.exit(failed.length > 0 ? 1 : 0);
