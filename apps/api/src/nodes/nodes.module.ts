import { Module } from '@nestjs/common';
import { EventIntake } from './event-intake.js';
import { HeartbeatIntake } from './heartbeat-intake.js';
import { InternalRoutes } from './internal-routes.js';
import { NodeClient } from './node-client.js';
import { NodeFactHandlers } from './node-fact-handlers.js';
import { NodeRegistry } from './node-registry.js';
import { NodesController } from './nodes.controller.js';
import { NodesService } from './nodes.service.js';
import { PlacedSessions } from './placed-sessions.js';

@Module({
  controllers: [NodesController],
  providers: [
    NodeClient,
    NodeRegistry,
    NodeFactHandlers,
    PlacedSessions,
    EventIntake,
    HeartbeatIntake,
    InternalRoutes,
    NodesService,
  ],
  exports: [NodeClient, NodeRegistry, NodeFactHandlers, PlacedSessions, EventIntake],
})
export class NodesModule {}
