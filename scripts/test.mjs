/** `npm test`: prepares the checkout, then runs the whole suite (or what is named: `npm test -- libs/runtime`). */
import { spawn } from 'node:child_process';
import { orExit, prepare } from './prepare.mjs';
import { onNpmGone } from './prepare/parent.mjs';
import { root } from './prepare/steps.mjs';

let stop = () => process.exit(1);
onNpmGone(() => stop());
const { chromePath } = await orExit(prepare);
const child = spawn(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', ...process.argv.slice(2)], {
  cwd: root,
  env: { ...process.env, CHROME_PATH: chromePath },
  stdio: 'inherit',
});
stop = () => child.kill('SIGTERM');
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code) => process.exit(code ?? 1));
