import type { HttpClient } from '../../support/http-client.js';
import type { Stack } from '../../support/stack.js';
import { DatabaseDumper } from '../nemesis/database-dump.js';

/** Receivers are on this machine. */
export const FLOOD_ENV = { ALLOW_PRIVATE_WEBHOOK_URLS: 'true', LOG_LEVEL: 'info' };

/** A tenant with its id. */
export async function tenantOf(stack: Stack): Promise<{ client: HttpClient; tenantId: string }> {
  const { client } = await stack.createTenant('Flood');
  const { tenants } = await new DatabaseDumper(stack.databaseUrl).dump();
  const tenantId = tenants.find(({ name }) => name === 'Flood')?.id;
  if (tenantId === undefined) throw new Error('the tenant is not there');
  return { client, tenantId };
}
