/** `npm run openapi`: writes `openapi.json` from the api's routes; with `--check` only says whether it is stale. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { orExit, prepareBuild } from './prepare.mjs';
import { root } from './prepare/steps.mjs';

await orExit(prepareBuild);
const { renderOpenApi } = await import('../dist/apps/api/src/openapi-file.js');
const path = join(root, 'openapi.json');
const text = await renderOpenApi();
if (!process.argv.includes('--check')) {
  await writeFile(path, text);
} else if ((await readFile(path, 'utf8').catch(() => '')) !== text) {
  process.stderr.write('openapi.json is stale; run: npm run openapi\n');
  process.exitCode = 1;
}
// The app was only looked at; what it would have kept open is not waited for.
process.exit();
