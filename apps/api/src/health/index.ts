export { HealthModule } from './health.module.js';
export { HealthRegistry, type HealthCheck } from './health-registry.js';
export { Metrics } from './metrics.js';
