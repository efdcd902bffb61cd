import { Module } from '@nestjs/common';
import { ApiKeysModule } from '../api-keys/index.js';
import { TenantRepository } from './tenant-repository.js';
import { TenantController } from './tenant.controller.js';
import { TenantService } from './tenant.service.js';

@Module({
  imports: [ApiKeysModule],
  controllers: [TenantController],
  providers: [TenantService, TenantRepository],
  exports: [TenantService],
})
export class TenantsModule {}
