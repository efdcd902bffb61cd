#!/usr/bin/env node
/**
 * `npm run wagate -- …`, or `npx wagate …` in a checkout: the command line of an installation. Where the environment names no database it speaks to
 * the one of `npm start` in this checkout.
 */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { orExit, prepareBuild } from './prepare.mjs';
import { dataFolder, root } from './prepare/steps.mjs';

async function embeddedSettings() {
  if (process.env.DATABASE_URL || process.env.WAGATE_URL) return {};
  try {
    return JSON.parse(await readFile(join(dataFolder, 'api-settings.json'), 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return {};
    throw error;
  }
}

await orExit(prepareBuild);
const child = spawn(process.execPath, ['dist/apps/api/src/cli.js', ...process.argv.slice(2)], {
  cwd: root,
  env: { ...process.env, ...(await embeddedSettings()) },
  stdio: 'inherit',
});
child.on('exit', (code) => process.exit(code ?? 1));
