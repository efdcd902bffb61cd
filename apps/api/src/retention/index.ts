export { NOTHING, type Removed } from './removed.js';
export { CleanerBusy, RetentionCleaner, type CleanerSettings } from './retention-cleaner.js';
export { RetentionModule } from './retention.module.js';
export { RetentionWorker } from './retention-worker.js';
