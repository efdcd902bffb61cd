import { inject } from 'vitest';
import { createDatabase, ensureTemplate, type FreshDatabase } from '#embedded';

export interface FreshDatabaseOptions {
  /**
   * What the database starts with. `prepare` runs once per test run and name (migrations, say); it must leave no
   * connection open.
   */
  template?: { name: string; prepare: (url: string) => Promise<void> };
}

/** A database of the suite's own on the run's Postgres. Call `drop()` at the end. */
export async function freshDatabase({ template }: FreshDatabaseOptions = {}): Promise<FreshDatabase> {
  const adminUrl = inject('postgresUrl');
  if (template) await ensureTemplate(adminUrl, template.name, template.prepare);
  return createDatabase(adminUrl, template ? { template: template.name } : {});
}
