import { Module } from '@nestjs/common';
import { IdentitiesModule } from '../identities/index.js';
import { EventIntake } from './event-intake.js';
import { Quarantine } from './event-intake-quarantine.js';
import { HeartbeatIntake } from './heartbeat-intake.js';
import { InternalRoutes } from './internal-routes.js';
import { NodeClient } from './node-client.js';
import { NodeFactHandlers } from './node-fact-handlers.js';
import { NodeRegistry } from './node-registry.js';
import { NodesController } from './nodes.controller.js';
import { NodesService } from './nodes.service.js';
import { PlacedSessions } from './placed-sessions.js';

@Module({
  imports: [IdentitiesModule],
  controllers: [NodesController],
  providers: [
    NodeClient,
    NodeRegistry,
    NodeFactHandlers,
    PlacedSessions,
    EventIntake,
    Quarantine,
    HeartbeatIntake,
    InternalRoutes,
    NodesService,
  ],
  exports: [NodeClient, NodeRegistry, NodeFactHandlers, PlacedSessions, EventIntake, Quarantine],
})
export class NodesModule {}
