export { Database } from './database.js';
export { DatabaseModule } from './database.module.js';
export * from './entities/index.js';
export {
  isDatabaseUnavailable,
  isForeignKeyViolation,
  isTakingTooLong,
  isUniqueViolation,
  isUnstorableValue,
} from './errors.js';
export type { NotificationHandler } from './listener.js';
export { migrate, requireNewestSchema, type MigrateOptions } from './migrate.js';
export { asQuery, planByAverages, queryByBitmap, type Query, type Statement } from './query.js';
export { APP_ROLE, WORKER_ROLE, type DatabaseSettings } from './settings.js';
