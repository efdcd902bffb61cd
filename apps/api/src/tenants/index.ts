export { TenantService } from './tenant.service.js';
export { TenantsModule } from './tenants.module.js';
