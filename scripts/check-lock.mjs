/** Says whether package-lock.json was made from package.json as it is. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { root } from './prepare/steps.mjs';

const read = async (name) => JSON.parse(await readFile(join(root, name), 'utf8'));
const [manifest, lock] = await Promise.all([read('package.json'), read('package-lock.json')]);
const locked = lock.packages[''];
const stale = [
  'name',
  'version',
  'dependencies',
  'devDependencies',
  'optionalDependencies',
  'engines',
].filter((field) => !isDeepStrictEqual(manifest[field], locked[field]));
if (stale.length > 0) {
  process.stderr.write(
    `package-lock.json is stale (${stale.join(', ')}); run: npm install --ignore-scripts\n`,
  );
  process.exit(1);
}
