import { ApiKeyRow } from './api-key-row.js';
import { AuditRow } from './audit-row.js';
import { ChatRow } from './chat-row.js';
import { ContactRow } from './contact-row.js';
import { NodeRow } from './node-row.js';
import { SessionRow } from './session-row.js';
import { TenantRow } from './tenant-row.js';

/** Every entity the data source knows; a new one is added here. */
export const ENTITIES = [TenantRow, ApiKeyRow, AuditRow, NodeRow, SessionRow, ChatRow, ContactRow] as const;
export { ApiKeyRow, AuditRow, ChatRow, ContactRow, NodeRow, SessionRow, TenantRow };
