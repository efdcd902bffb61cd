import { Module } from '@nestjs/common';
import { UsageRepository } from './usage-repository.js';
import { LimitsController } from './limits.controller.js';
import { LimitsService } from './limits.service.js';
import { UsageController } from './usage.controller.js';
import { UsageService } from './usage.service.js';

@Module({
  controllers: [UsageController, LimitsController],
  providers: [UsageService, UsageRepository, LimitsService],
})
export class UsageModule {}
