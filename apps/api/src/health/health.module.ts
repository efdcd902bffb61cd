import { Global, Module } from '@nestjs/common';
import { Database } from '#database';
import { MediaStore } from '#media-store';
import { MediaModule } from '../media/index.js';
import { NodeRegistry, NodesModule, NODE_FRESH_MS } from '../nodes/index.js';
import { HealthController } from './health.controller.js';
import { HealthRegistry } from './health-registry.js';
import { InstallationFigures } from './installation-figures.js';
import { Metrics } from './metrics.js';

/**
 * Without the database nothing can be accepted; without the object store or nodes, messages are still accepted and
 * wait, so the api stays in service and says `degraded`.
 */
@Global()
@Module({
  imports: [MediaModule, NodesModule],
  controllers: [HealthController],
  providers: [HealthRegistry, Metrics, InstallationFigures],
  exports: [HealthRegistry, Metrics],
})
export class HealthModule {
  constructor(health: HealthRegistry, database: Database, store: MediaStore, nodes: NodeRegistry) {
    health.add({ name: 'database', critical: true, run: () => database.ping() });
    health.add({ name: 'object_store', critical: false, run: () => store.ping() });
    health.add({ name: 'nodes', critical: false, run: () => checkNodes(nodes) });
  }
}

async function checkNodes(registry: NodeRegistry): Promise<Record<string, number>> {
  const nodes = await registry.list();
  const fresh = nodes.filter((node) => node.silentMs < NODE_FRESH_MS);
  if (fresh.length === 0) throw new Error('no node was heard lately');
  return {
    registered: nodes.length,
    fresh: fresh.length,
    withoutSandbox: fresh.filter((node) => !node.sandbox).length,
  };
}
