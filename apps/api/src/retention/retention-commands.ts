import { InvalidArgumentError, type Command } from 'commander';
import { Database, migrate, requireNewestSchema } from '#database';
import { AppError, SystemClock } from '#kernel';
import { S3MediaStore } from '#media-store';
import { loadConfigOrExit } from '#runtime';
import { apiConfigSchema } from '../config.js';
import type { Removed } from './removed.js';
import { CleanerBusy, RetentionCleaner } from './retention-cleaner.js';

const databaseConfigSchema = apiConfigSchema.pick({ DATABASE_URL: true, DATABASE_OWNER_URL: true });
const cleanConfigSchema = apiConfigSchema.pick({
  DATABASE_URL: true,
  DATABASE_OWNER_URL: true,
  S3_ENDPOINT: true,
  S3_REGION: true,
  S3_BUCKET: true,
  S3_ACCESS_KEY: true,
  S3_SECRET_KEY: true,
  MESSAGE_RETENTION_DAYS: true,
  MEDIA_RETENTION_DAYS: true,
});
/** A batch of another process ends sooner. */
const TURN_TIMEOUT_MS = 30_000;
const MOST_DAYS = 36_500;

interface Days {
  tenant: string;
  messageDays?: number | 'default';
  mediaDays?: number | 'default';
  json?: true;
}

type Print = (json: boolean | undefined, result: Record<string, unknown>) => void;

/** Adds `media clean` and `tenant retention`. */
export function addRetentionCommands(program: Command, tenant: Command, print: Print): void {
  program
    .command('media')
    .description('stored files')
    .command('clean')
    .description('remove messages and files that are kept no longer, and objects that no file needs')
    .option('--dry-run', 'only tell what would be removed')
    .option('--json', 'print JSON')
    .action(async ({ dryRun, json }: { dryRun?: true; json?: true }) => {
      const removed = await clean(dryRun ?? false);
      print(json, { ...removed, ...(dryRun ? { dryRun } : {}) });
    });
  tenant
    .command('retention')
    .description('set how long the messages and files of a tenant are kept')
    .requiredOption('--tenant <id>', 'id of the tenant')
    .option('--message-days <days>', 'days; 0: for ever; "default": as the installation says', parseDays)
    .option('--media-days <days>', 'days; 0: for ever; "default": as the installation says', parseDays)
    .option('--json', 'print JSON')
    .action(async ({ json, ...days }: Days) => print(json, await setRetention(days)));
}

async function clean(dryRun: boolean): Promise<Removed> {
  const config = loadConfigOrExit(cleanConfigSchema);
  const store = new S3MediaStore({
    endpoint: config.S3_ENDPOINT,
    region: config.S3_REGION,
    bucket: config.S3_BUCKET,
    accessKey: config.S3_ACCESS_KEY,
    secretKey: config.S3_SECRET_KEY,
  });
  return withDatabase(config, dryRun ? 'read' : 'write', async (database) => {
    const defaults = { messages: config.MESSAGE_RETENTION_DAYS, media: config.MEDIA_RETENTION_DAYS };
    const cleaner = new RetentionCleaner(database, store, { defaults }, new SystemClock());
    try {
      return dryRun ? await cleaner.count() : await cleaner.clean({ turnTimeoutMs: TURN_TIMEOUT_MS });
    } catch (error) {
      if (!(error instanceof CleanerBusy)) throw error;
      throw new AppError('service_unavailable', 'another process is cleaning; try again', { cause: error });
    }
  });
}

async function setRetention({ tenant, messageDays, mediaDays }: Days): Promise<Record<string, unknown>> {
  const config = loadConfigOrExit(databaseConfigSchema);
  const [row] = await withDatabase(config, 'write', (database) =>
    database.workerSql((query) =>
      query<Record<string, unknown>>(
        `UPDATE tenants SET message_retention_days = CASE WHEN $2 THEN $3::int ELSE message_retention_days END,
           media_retention_days = CASE WHEN $4 THEN $5::int ELSE media_retention_days END
         WHERE id = $1 RETURNING id AS "tenantId", message_retention_days AS "messageDays",
           media_retention_days AS "mediaDays"`,
        [
          tenant,
          messageDays !== undefined,
          ownDays(messageDays),
          mediaDays !== undefined,
          ownDays(mediaDays),
        ],
      ),
    ),
  );
  if (!row) throw new AppError('not_found', 'there is no such tenant');
  return row;
}

async function withDatabase<T>(
  config: { DATABASE_URL: string; DATABASE_OWNER_URL: string },
  access: 'read' | 'write',
  work: (database: Database) => Promise<T>,
): Promise<T> {
  const urls = { ownerUrl: config.DATABASE_OWNER_URL, appUrl: config.DATABASE_URL };
  await (access === 'read' ? requireNewestSchema(urls) : migrate(urls));
  const database = await Database.open({
    url: config.DATABASE_URL,
    poolSize: 2,
    applicationName: 'wagate-cli',
  });
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}

/** null: the default of the installation. */
function ownDays(days: number | 'default' | undefined): number | null {
  return typeof days === 'number' ? days : null;
}

function parseDays(text: string): number | 'default' {
  if (text === 'default') return text;
  const days = Number(text);
  if (/^\d{1,5}$/.test(text) && days <= MOST_DAYS) return days;
  throw new InvalidArgumentError(`is 0 to ${String(MOST_DAYS)}, or "default"`);
}
