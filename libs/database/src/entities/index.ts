import { ApiKeyRow } from './api-key-row.js';
import { AuditRow } from './audit-row.js';
import { TenantRow } from './tenant-row.js';

/** Every entity the data source knows; a new one is added here. */
export const ENTITIES = [TenantRow, ApiKeyRow, AuditRow] as const;
export { ApiKeyRow, AuditRow, TenantRow };
