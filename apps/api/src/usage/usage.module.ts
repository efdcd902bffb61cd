import { Global, Module } from '@nestjs/common';
import { UsageRepository } from './usage-repository.js';
import { UsageController } from './usage.controller.js';
import { UsageService } from './usage.service.js';

@Global()
@Module({
  controllers: [UsageController],
  providers: [UsageService, UsageRepository],
  exports: [UsageRepository],
})
export class UsageModule {}
