import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';

export interface Migration {
  /** Four digits; the order in which migrations run. */
  version: string;
  name: string;
  sql: string;
  /** SHA-256 of the SQL, hex. */
  checksum: string;
}

const FILE = /^(\d{4})-([a-z0-9-]+)\.(?:ts|js)$/;

/**
 * Every migration beside this file, in order: a module `NNNN-what-it-does.ts` whose default export is its SQL.
 * Modules rather than .sql files, so that the compiler carries them into `dist`.
 */
export async function loadMigrations(): Promise<Migration[]> {
  const folder = new URL('./', import.meta.url);
  const files = (await readdir(folder)).filter((file) => FILE.test(file)).sort();
  const migrations = await Promise.all(
    files.map(async (file): Promise<Migration> => {
      const [, version = '', name = ''] = FILE.exec(file) ?? [];
      const module = (await import(/* @vite-ignore */ new URL(file, folder).href)) as { default?: unknown };
      if (typeof module.default !== 'string')
        throw new TypeError(`migration ${file} must export its SQL as default`);
      const sql = module.default;
      return { version, name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
  migrations.forEach((migration, index) => {
    if (migration.version === migrations[index - 1]?.version) {
      throw new TypeError(`two migrations have the number ${migration.version}`);
    }
  });
  return migrations;
}
