import { Module } from '@nestjs/common';
import { NodesModule } from '../nodes/index.js';
import { SessionsModule } from '../sessions/index.js';
import { EtaService } from './eta.service.js';
import { LimitNotices } from './limit-notices.js';
import { PacingRepository } from './pacing-repository.js';
import { PauseKeeper } from './pause-keeper.js';
import { PausesController } from './pauses.controller.js';
import { SessionPauses } from './session-pauses.js';
import { StopSignals } from './stop-signals.js';

/** How fast sessions send, and when they stop. */
@Module({
  imports: [NodesModule, SessionsModule],
  controllers: [PausesController],
  providers: [EtaService, LimitNotices, PacingRepository, PauseKeeper, SessionPauses, StopSignals],
  exports: [EtaService, LimitNotices, StopSignals],
})
export class PacingModule {}
