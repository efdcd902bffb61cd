import pg from 'pg';
import { newId } from '#kernel';
import { HttpClient } from '../../support/http-client.js';
import { startSecondApi } from '../../support/second-api.js';
import type { Stack } from '../../support/stack.js';
import type { ChildPart } from '../../support/child-part.js';
import { BAD_KINDS, FLOOD_TYPE, urlOfReceiver } from '../../support/flood-receivers.js';
import { DatabaseDumper } from '../nemesis/database-dump.js';

/** Receivers are on this machine; the limits would answer 429 to whoever makes events by the hundred. */
export const FLOOD_ENV = {
  ALLOW_PRIVATE_WEBHOOK_URLS: 'true',
  LOG_LEVEL: 'info',
  KEY_REQUESTS_PER_MINUTE: '1000000',
  TENANT_REQUESTS_PER_MINUTE: '1000000',
};

export interface FloodApi {
  part: ChildPart;
  baseUrl: string;
  client: HttpClient;
}

/** A tenant of two api processes, and a way to write its events by the thousand. */
export class FloodTenant {
  private webhooks = 0;
  private paused = false;

  private constructor(
    readonly apis: readonly [FloodApi, FloodApi],
    readonly key: string,
    private readonly tenantId: string,
    private readonly owner: pg.Client,
    private readonly sessionId: string,
  ) {}

  static async start(stack: Stack, programs?: string): Promise<FloodTenant> {
    const { client, key } = await stack.createTenant('Flood');
    const second = await startSecondApi(stack, programs);
    const { tenants } = await new DatabaseDumper(stack.databaseUrl).dump();
    const tenantId = tenants.find(({ name }) => name === 'Flood')?.id;
    if (tenantId === undefined) throw new Error('the tenant is not there');
    const owner = new pg.Client(stack.databaseUrl);
    await owner.connect();
    const { body } = await client.post<{ id: string }>('/sessions', { name: 'flood' });
    const apis = [
      { part: stack.api, baseUrl: stack.baseUrl, client },
      {
        part: second.api,
        baseUrl: second.baseUrl,
        client: new HttpClient(`${second.baseUrl}/api/v1`, key),
      },
    ] as const;
    return new FloodTenant(apis, key, tenantId, owner, body.id);
  }

  /** Ends the second api; the first one ends with its stack. */
  async close(): Promise<void> {
    await this.owner.end();
    await this.apis[1].part.stop();
  }

  /** Makes webhooks, all healthy or each of another bad kind; gives their names. */
  async makeWebhooks(port: number, count: number, isHealthy: boolean): Promise<string[]> {
    const names: string[] = [];
    for (let i = 0; i < count; i += 1) {
      const name = `w${String((this.webhooks += 1))}`;
      const kind = isHealthy ? 'healthy' : BAD_KINDS[i % BAD_KINDS.length]!;
      const { status } = await this.apis[0].client.post('/webhooks', {
        url: urlOfReceiver(port, kind, name),
        events: [FLOOD_TYPE, 'session.paused', 'session.resumed'],
      });
      if (status !== 201) throw new Error(`a webhook was answered ${String(status)}`);
      names.push(name);
    }
    return names;
  }

  /** Lets an event happen as tenants do, at one of the two processes. */
  async happen(at: number): Promise<void> {
    const path = `/sessions/${this.sessionId}/${this.paused ? 'resume' : 'pause'}`;
    const { status } = await this.apis[at % 2]!.client.post(path);
    if (status !== 200) throw new Error(`${path} was answered ${String(status)}`);
    this.paused = !this.paused;
  }

  /** Writes events of the flood, in one transaction. */
  async write(count: number): Promise<void> {
    const ids = Array.from({ length: count }, () => newId('evt'));
    await this.owner.query('BEGIN; SET LOCAL ROLE wagate_worker');
    await this.owner.query(
      `INSERT INTO events (tenant_id, id, type, data) SELECT $1, id, $3, '{}' FROM unnest($2::text[]) AS id`,
      [this.tenantId, ids, FLOOD_TYPE],
    );
    await this.owner.query('COMMIT');
  }

  /** Numbers that are missing in the log, and the last one. */
  async numbering(): Promise<{ holes: number; last: number }> {
    await this.owner.query('BEGIN; SET LOCAL ROLE wagate_worker');
    const { rows } = await this.owner.query<{ holes: number; last: number }>(
      `SELECT (max(seq) - count(*))::int AS holes, max(seq)::int AS last FROM events WHERE tenant_id = $1`,
      [this.tenantId],
    );
    await this.owner.query('COMMIT');
    return rows[0] ?? { holes: 0, last: 0 };
  }
}
