import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { SCOPES, type KeyMode, type Scope } from '#contracts';
import { Database } from '#database';
import { newId } from '#kernel';
import { createLogger } from '#runtime';
import { CLI_ACTOR } from '../../apps/api/src/audit/index.js';
import { ApiKeyService } from '../../apps/api/src/api-keys/index.js';
import { apiConfigSchema, type ApiConfig } from '../../apps/api/src/config.js';
import { createApp } from '../../apps/api/src/create-app.js';
import { DocumentedClient } from './documented-client.js';
import type { HttpClient } from './http-client.js';
import { migratedDatabase, type MigratedDatabase } from './migrated-database.js';

export interface TestTenantOptions {
  name?: string;
  mode?: KeyMode;
  /** All unless told; `admin` among them. */
  scopes?: Scope[];
  sessionIds?: string[] | null;
}

export interface StartApiOptions {
  /** Where the api reaches the database, when not directly. */
  databasePort?: number;
}

export interface TestTenant {
  tenantId: string;
  keyId: string;
  key: string;
  /** Requests below `/api/v1` with the key; an error that the document does not name for the operation is thrown. */
  client: HttpClient;
}

export interface TestApi {
  app: NestFastifyApplication;
  config: ApiConfig;
  /** `http://127.0.0.1:<port>`; the API lives below `/api/v1`. */
  baseUrl: string;
  database: Database;
  /** Lines the api logged, parsed. */
  logged: Record<string, unknown>[];
  createTenant(options?: TestTenantOptions): Promise<TestTenant>;
  createKey(tenantId: string, options?: TestTenantOptions): Promise<TestTenant>;
  close(): Promise<void>;
}

/**
 * The api alone, in this process, on a fresh migrated database or that of the settings; nodes and the object store are
 * not started.
 */
export async function startApi(
  settings: Record<string, string> = {},
  { databasePort }: StartApiOptions = {},
): Promise<TestApi> {
  const own = await databaseFor(settings);
  const databaseUrl = new URL(own.appUrl);
  if (databasePort !== undefined) databaseUrl.port = String(databasePort);
  const config = apiConfigSchema.parse({
    HOST: '127.0.0.1',
    PORT: '0',
    DATABASE_URL: databaseUrl.href,
    DATABASE_OWNER_URL: own.url,
    DATABASE_POOL_SIZE: '8',
    S3_ENDPOINT: 'http://127.0.0.1:9',
    S3_BUCKET: 'media',
    S3_ACCESS_KEY: 'wagate',
    S3_SECRET_KEY: 'wagate',
    INTERNAL_SECRET: randomBytes(32).toString('hex'),
    KEY_PEPPER: randomBytes(32).toString('hex'),
    ENCRYPTION_KEY: randomBytes(32).toString('hex'),
    ...settings,
  });
  const logged: Record<string, unknown>[] = [];
  const write = (line: string) => void logged.push(JSON.parse(line) as Record<string, unknown>);
  const logger = createLogger('api', 'debug', { format: 'json', write });
  const app = await createApp(config, logger);
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as AddressInfo;
  const baseUrl = `http://127.0.0.1:${String(port)}`;
  const database = app.get(Database, { strict: false });
  const createKey = (tenantId: string, options?: TestTenantOptions) =>
    makeKey(app, baseUrl, tenantId, options);
  return {
    app,
    config,
    baseUrl,
    database,
    logged,
    createKey,
    createTenant: async (options = {}) => {
      const tenantId = newId('tnt');
      const values = [tenantId, options.name ?? 'Test tenant'];
      await database.worker((tx) => tx.query('INSERT INTO tenants (id, name) VALUES ($1, $2)', values));
      return createKey(tenantId, options);
    },
    close: async () => {
      await app.close();
      await own.drop();
    },
  };
}

/** That of the settings, which is not ours to remove, or one of its own. */
async function databaseFor({
  DATABASE_URL,
  DATABASE_OWNER_URL,
}: Record<string, string>): Promise<Omit<MigratedDatabase, 'name'>> {
  if (DATABASE_URL === undefined || DATABASE_OWNER_URL === undefined) return migratedDatabase();
  return { url: DATABASE_OWNER_URL, appUrl: DATABASE_URL, drop: () => Promise.resolve() };
}

async function makeKey(
  app: NestFastifyApplication,
  baseUrl: string,
  tenantId: string,
  options: TestTenantOptions = {},
): Promise<TestTenant> {
  const spec = {
    name: 'test key',
    mode: options.mode ?? 'test',
    scopes: options.scopes ?? [...SCOPES],
    sessionIds: options.sessionIds ?? null,
    allowedIps: null,
    expiresAt: null,
  };
  const keys = app.get(ApiKeyService, { strict: false });
  const database = app.get(Database, { strict: false });
  const created = await database.tenant(tenantId, (tx) => keys.issue(tx, tenantId, CLI_ACTOR, spec));
  const key = created.key ?? '';
  return { tenantId, keyId: created.id, key, client: new DocumentedClient(`${baseUrl}/api/v1`, key) };
}
