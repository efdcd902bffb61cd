import { Module } from '@nestjs/common';
import { NodesModule } from '../nodes/index.js';
import { NodeLostSweep } from './node-lost-sweep.js';
import { QrNotices } from './qr-notices.js';
import { SessionEndings } from './session-endings.js';
import { SessionLifecycle } from './session-lifecycle.js';
import { SessionLifecycleController } from './session-lifecycle.controller.js';
import { SessionLinking } from './session-linking.js';
import { SessionLinkingController } from './session-linking.controller.js';
import { SessionLinkingService } from './session-linking.service.js';
import { SessionLookup } from './session-lookup.js';
import { SessionPlacement } from './session-placement.js';
import { SessionReports } from './session-reports.js';
import { SessionRepository } from './session-repository.js';
import { SessionShortcutsController } from './session-shortcuts.controller.js';
import { SessionsController } from './sessions.controller.js';
import { SessionsService } from './sessions.service.js';

@Module({
  imports: [NodesModule],
  controllers: [
    SessionShortcutsController,
    SessionsController,
    SessionLifecycleController,
    SessionLinkingController,
  ],
  providers: [
    NodeLostSweep,
    QrNotices,
    SessionEndings,
    SessionLifecycle,
    SessionLinking,
    SessionLinkingService,
    SessionLookup,
    SessionPlacement,
    SessionReports,
    SessionRepository,
    SessionsService,
  ],
  exports: [SessionEndings, SessionLookup, SessionRepository],
})
export class SessionsModule {}
