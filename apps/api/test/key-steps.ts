import { HttpClient } from '../../../test/support/http-client.js';
import type { TestApi } from '../../../test/support/start-api.js';

/** Requests with any key. */
export function clientOf(api: TestApi, key: string | null): HttpClient {
  return new HttpClient(`${api.baseUrl}/api/v1`, key ?? '');
}

/** What the audit log tells of a tenant, in order. */
export async function auditOf(
  api: TestApi,
  tenantId: string,
): Promise<{ action: string; actor: string; target_id: string }[]> {
  return api.database.tenant(tenantId, (tx) =>
    tx.query('SELECT action, actor, target_id FROM audit_log ORDER BY id'),
  );
}
