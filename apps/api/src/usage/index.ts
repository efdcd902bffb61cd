export { UsageModule } from './usage.module.js';
export { UsageRepository, type UsageChange } from './usage-repository.js';
