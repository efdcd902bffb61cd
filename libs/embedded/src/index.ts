export {
  startObjectStore,
  type ObjectStoreOptions,
  type RunningObjectStore,
} from './object-store/start-object-store.js';
export { createDatabase, ensureTemplate, type FreshDatabase } from './postgres/create-database.js';
export { startPostgres, type PostgresOptions, type RunningPostgres } from './postgres/start-postgres.js';
export { findProcess, isProcessAlive, type ProcessIdentity } from './process/process-identity.js';
export { stopProcess, type StopStep } from './process/stop-process.js';
