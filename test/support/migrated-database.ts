import { migrate } from '#database';
import type { FreshDatabase } from '#embedded';
import { appUrlOf } from './app-url.js';
import { freshDatabase } from './fresh-database.js';

export interface MigratedDatabase extends FreshDatabase {
  /** By which the app logs in; `url` is the owner's. */
  appUrl: string;
}

const MIGRATED = {
  name: 'wagate_migrated',
  prepare: async (url: string) => {
    await migrate({ ownerUrl: url, appUrl: appUrlOf(url) });
  },
};

/** A database of the suite's own in which every migration is applied: a copy of one that is migrated once a run. */
export async function migratedDatabase(): Promise<MigratedDatabase> {
  const own = await freshDatabase({ template: MIGRATED });
  return { ...own, appUrl: appUrlOf(own.url) };
}
