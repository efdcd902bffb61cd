import { Global, Module } from '@nestjs/common';
import { Database } from '#database';
import { HealthController } from './health.controller.js';
import { HealthRegistry } from './health-registry.js';
import { Metrics } from './metrics.js';

@Global()
@Module({
  controllers: [HealthController],
  providers: [HealthRegistry, Metrics],
  exports: [HealthRegistry, Metrics],
})
export class HealthModule {
  constructor(health: HealthRegistry, database: Database) {
    health.add({ name: 'database', critical: true, run: () => database.ping() });
  }
}
