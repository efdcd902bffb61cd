import { Module } from '@nestjs/common';
import { SessionsModule } from '../sessions/index.js';
import { UsageRepository } from './usage-repository.js';
import { LimitsController } from './limits.controller.js';
import { LimitsService } from './limits.service.js';
import { UsageController } from './usage.controller.js';
import { UsageService } from './usage.service.js';

@Module({
  imports: [SessionsModule],
  controllers: [UsageController, LimitsController],
  providers: [UsageService, UsageRepository, LimitsService],
})
export class UsageModule {}
