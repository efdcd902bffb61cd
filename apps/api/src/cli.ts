import { Command, InvalidArgumentError, Option } from 'commander';
import { KEY_MODES, SCOPES, type KeyMode, type Scope } from '#contracts';
import { Database, migrate, requireNewestSchema } from '#database';
import { AppError, SystemClock } from '#kernel';
import { loadConfigOrExit } from '#runtime';
import { ApiKeyRepository } from './api-keys/api-key-repository.js';
import { ApiKeyService } from './api-keys/api-key.service.js';
import { AuditLog, CLI_ACTOR } from './audit/index.js';
import { KeyHasher } from './auth/index.js';
import { apiConfigSchema } from './config.js';
import { addDeveloperCommands } from './developer/index.js';
import { IdempotencyService } from './idempotency/index.js';
import { addRetentionCommands } from './retention/retention-commands.js';
import { TenantRepository } from './tenants/tenant-repository.js';
import { TenantService } from './tenants/tenant.service.js';

const cliConfigSchema = apiConfigSchema.pick({
  DATABASE_URL: true,
  DATABASE_OWNER_URL: true,
  KEY_PEPPER: true,
});

interface Services {
  database: Database;
  tenants: TenantService;
  keys: ApiKeyService;
}

interface CreateOptions {
  name: string;
  mode: KeyMode;
  admin?: true;
  scopes?: Scope[];
}

/**
 * The same services as the api's, without Nest: its workers must not start here. A command that only reads leaves the
 * database at the version it has, and refuses when that is not its own.
 */
async function withServices(
  access: 'read' | 'write',
  work: (services: Services) => Promise<void>,
): Promise<void> {
  const config = loadConfigOrExit(cliConfigSchema);
  const urls = { ownerUrl: config.DATABASE_OWNER_URL, appUrl: config.DATABASE_URL };
  await (access === 'read' ? requireNewestSchema(urls) : migrate(urls));
  const database = await Database.open({
    url: config.DATABASE_URL,
    poolSize: 2,
    applicationName: 'wagate-cli',
  });
  try {
    const audit = new AuditLog();
    const idempotency = new IdempotencyService();
    const keys = new ApiKeyService(
      database,
      new ApiKeyRepository(),
      new KeyHasher(config),
      audit,
      idempotency,
      new SystemClock(),
    );
    const tenants = new TenantService(database, new TenantRepository(), keys, audit, idempotency);
    await work({ database, tenants, keys });
  } finally {
    await database.close();
  }
}

/** Prints one object: as JSON for programs, as lines for people. */
function print(json: boolean | undefined, result: Record<string, unknown>): void {
  if (json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else
    for (const [name, value] of Object.entries(result))
      process.stdout.write(`${name.padEnd(9)} ${String(value)}\n`);
}

function printList(json: boolean | undefined, rows: Record<string, unknown>[]): void {
  if (json) process.stdout.write(`${JSON.stringify(rows)}\n`);
  else for (const row of rows) process.stdout.write(`${Object.values(row).map(String).join('  ')}\n`);
}

/** To stderr: with --json as an object, for programs. */
function printError(message: string): void {
  const isJson = process.argv.includes('--json');
  process.stderr.write(`${isJson ? JSON.stringify({ error: message }) : message}\n`);
}

function scopesOf({ admin, scopes }: Pick<CreateOptions, 'admin' | 'scopes'>): Scope[] {
  if (scopes) return scopes;
  return SCOPES.filter((scope) => admin || scope !== 'admin');
}

function parseScopes(text: string): Scope[] {
  return text.split(',').map((name) => {
    const scope = SCOPES.find((known) => known === name.trim());
    if (!scope) throw new InvalidArgumentError(`scopes are ${SCOPES.join(', ')}`);
    return scope;
  });
}

async function createTenant({ json, ...options }: CreateOptions & { json?: true }): Promise<void> {
  await withServices('write', async ({ tenants }) => {
    const firstKey = { name: 'first key', mode: options.mode, scopes: scopesOf(options) };
    const { id, name, firstKey: key } = await tenants.make(CLI_ACTOR, { name: options.name, firstKey });
    print(json, { tenantId: id, name, keyId: key?.id, key: key?.key });
  });
}

async function createKey({
  json,
  tenant,
  ...options
}: CreateOptions & { tenant: string; json?: true }): Promise<void> {
  await withServices('write', async ({ database, tenants, keys }) => {
    await tenants.get(tenant);
    const limits = { sessionIds: null, allowedIps: null, expiresAt: null };
    const spec = { name: options.name, mode: options.mode, scopes: scopesOf(options), ...limits };
    const created = await database.tenant(tenant, (tx) => keys.issue(tx, tenant, CLI_ACTOR, spec));
    print(json, { tenantId: tenant, keyId: created.id, key: created.key });
  });
}

/** Walks all pages: the command line shows everything. */
async function readAll<T>(
  read: (cursor?: string) => Promise<{ data: T[]; nextCursor: string | null }>,
): Promise<T[]> {
  const all: T[] = [];
  let cursor: string | undefined;
  do {
    const page = await read(cursor);
    all.push(...page.data);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return all;
}

async function listTenants({ json }: { json?: true }): Promise<void> {
  await withServices('read', async ({ tenants }) => {
    const all = await readAll((cursor) => tenants.list({ limit: 100, cursor }));
    printList(
      json,
      all.map(({ id, status, createdAt, name }) => ({ id, status, createdAt, name })),
    );
  });
}

async function listKeys({ json, tenant }: { json?: true; tenant: string }): Promise<void> {
  await withServices('read', async ({ keys, tenants }) => {
    await tenants.get(tenant);
    const all = await readAll((cursor) => keys.list(tenant, { limit: 100, cursor }));
    printList(
      json,
      all.map(({ id, prefix, revokedAt, name, scopes }) => ({
        id,
        prefix,
        state: revokedAt ? 'revoked' : 'active',
        name,
        scopes,
      })),
    );
  });
}

async function revokeKey({ json, tenant, id }: { json?: true; tenant: string; id: string }): Promise<void> {
  await withServices('write', async ({ keys }) => {
    await keys.revoke(tenant, CLI_ACTOR, id);
    print(json, { keyId: id, state: 'revoked' });
  });
}

function command(parent: Command, name: string, description: string): Command {
  return parent.command(name).description(description).option('--json', 'print JSON');
}

function buildProgram(): Command {
  const program = new Command('wagate').description(
    'Tenants and API keys of an installation, and what a developer wants at hand',
  );
  // Commands made from here on take this over.
  program.configureOutput({ outputError: (text) => printError(text.trim().replace(/^error: /, '')) });
  const mode = () => new Option('--mode <mode>', 'live or test sessions').choices(KEY_MODES).default('live');
  const tenantOption = ['--tenant <id>', 'id of the tenant'] as const;
  const scopes = [
    '--scopes <list>',
    'comma-separated; everything but admin unless told',
    parseScopes,
  ] as const;

  const tenant = program.command('tenant').description('create and list tenants');
  command(tenant, 'create', 'create a tenant and its first API key, which is printed this once')
    .requiredOption('--name <name>', 'what the tenant is called')
    .addOption(mode())
    .option('--admin', 'let the key manage tenants')
    .option(...scopes)
    .action(createTenant);
  command(tenant, 'list', 'list all tenants').action(listTenants);

  const key = program.command('key').description('create, list and revoke API keys');
  command(key, 'create', 'create an API key, which is printed this once')
    .requiredOption(...tenantOption)
    .requiredOption('--name <name>', 'what the key is for')
    .addOption(mode())
    .option('--admin', 'let the key manage tenants')
    .option(...scopes)
    .action(createKey);
  command(key, 'list', 'list the API keys of a tenant')
    .requiredOption(...tenantOption)
    .action(listKeys);
  command(key, 'revoke', 'revoke an API key')
    .requiredOption(...tenantOption)
    .requiredOption('--id <id>', 'id of the key')
    .action(revokeKey);
  addRetentionCommands(program, tenant, print);
  addDeveloperCommands(program, { print, printList });
  return program;
}

buildProgram()
  .parseAsync()
  .catch((error: unknown) => {
    const isOurs = error instanceof AppError || error instanceof Error;
    printError(isOurs ? error.message : 'something went wrong');
    process.exitCode = 1;
  });
