import type { BuildProfile } from '../../../apps/simulator/src/index.js';
import { browserPid } from '../../support/browser-pid.js';
import { linkSession, newPhone } from '../../support/session-steps.js';
import { startStack, type Stack } from '../../support/stack.js';
import { DatabaseDumper } from './database-dump.js';
import { ClientLog, RecordedClient } from './recorded-client.js';
import { RestartablePostgres, RestartableStore } from './restartable-parts.js';

export interface FaultsStackOptions {
  sessions: number;
  /** 2 unless told; sessions are dealt out in turn. */
  tenants?: number;
  profile?: BuildProfile;
  programs?: string;
  apiEnv?: Record<string, string>;
  nodeEnv?: Record<string, string>;
}

export interface FaultsTenant {
  id: string;
  client: RecordedClient;
}

export interface FaultsSession {
  id: string;
  phone: string;
  tenant: FaultsTenant;
}

/** The whole of wagate with parts that can be taken away, sessions linked, and a log of what clients do. */
export class FaultsStack {
  readonly log = new ClientLog();
  readonly sessions: FaultsSession[] = [];
  readonly tenants: FaultsTenant[] = [];

  private constructor(
    readonly stack: Stack,
    readonly postgres: RestartablePostgres,
    readonly store: RestartableStore,
    readonly database: DatabaseDumper,
  ) {}

  static async start(options: FaultsStackOptions): Promise<FaultsStack> {
    const postgres = await RestartablePostgres.start();
    const store = await RestartableStore.start();
    try {
      const stack = await startStack(await stackOptions(options, postgres, store));
      const faults = new FaultsStack(stack, postgres, store, new DatabaseDumper(stack.databaseUrl));
      await faults.link(options).catch(async (error: unknown) => {
        await stack.close();
        throw error;
      });
      return faults;
    } catch (error) {
      await store.stop();
      await postgres.stop();
      throw error;
    }
  }

  async killBrowser({ id }: FaultsSession): Promise<void> {
    process.kill(await browserPid(this.stack, id), 'SIGKILL');
  }

  async close(): Promise<void> {
    await this.stack.close();
    await this.store.stop();
    await this.postgres.stop();
  }

  private async link({ sessions, tenants = 2 }: FaultsStackOptions): Promise<void> {
    const keys: { key: string; client: Parameters<typeof linkSession>[1] }[] = [];
    for (let number = 1; number <= Math.min(tenants, sessions); number += 1) {
      keys.push(await this.stack.createTenant(`Tenant ${String(number)}`));
    }
    const rows = (await this.database.dump()).tenants;
    for (const [place, { key }] of keys.entries()) {
      const id = rows.find(({ name }) => name === `Tenant ${String(place + 1)}`)?.id ?? '';
      this.tenants.push({
        id,
        client: new RecordedClient(this.log, this.stack.baseUrl, id, `key-${id}`, key),
      });
    }
    const linked = Array.from({ length: sessions }, async (_, number) => {
      const phone = newPhone();
      await this.stack.simulated.post('/accounts', { phone, name: `Session ${String(number)}` });
      const place = number % keys.length;
      const client = keys[place]?.client;
      const tenant = this.tenants[place];
      if (!client || !tenant) throw new Error('a session without a tenant');
      const { id } = await linkSession(this.stack, client, phone, `s${String(number)}`);
      return { id, phone, tenant };
    });
    this.sessions.push(...(await Promise.all(linked)));
  }
}

async function stackOptions(
  { profile = '2026-09', programs, apiEnv, nodeEnv, sessions }: FaultsStackOptions,
  postgres: RestartablePostgres,
  store: RestartableStore,
) {
  return {
    profile,
    database: await postgres.database(),
    ...(programs === undefined ? {} : { programs }),
    apiEnv: {
      ...store.env,
      LOG_LEVEL: 'info',
      KEY_REQUESTS_PER_MINUTE: '10000000',
      TENANT_REQUESTS_PER_MINUTE: '10000000',
      ...apiEnv,
    },
    nodeEnv: {
      ...store.env,
      LOG_LEVEL: 'info',
      MAX_SESSIONS: String(Math.max(sessions, 1)),
      PROBE_INTERVAL_MS: '3000',
      PROBE_TIMEOUT_MS: '3000',
      SWEEP_INTERVAL_MS: '5000',
      ...nodeEnv,
    },
  };
}
