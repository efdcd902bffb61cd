/** `npm test`: prepares the checkout, then runs the whole suite (or what is named: `npm test -- libs/runtime`). */
import { spawn } from 'node:child_process';
import { orExit, prepare } from './prepare.mjs';
import { root } from './prepare/steps.mjs';

const { chromePath } = await orExit(prepare);
const child = spawn(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', ...process.argv.slice(2)], {
  cwd: root,
  env: { ...process.env, CHROME_PATH: chromePath },
  stdio: 'inherit',
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
