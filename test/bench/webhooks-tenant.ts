import pg from 'pg';
import { newId } from '#kernel';
import { BAD_KINDS, FLOOD_TYPE, urlOfReceiver } from '../support/flood-receivers.js';
import type { HttpClient } from '../support/http-client.js';
import { waitFor } from '../support/wait-for.js';
import type { BenchRun } from './bench-run.js';
import type { BenchStack } from './bench-stack.js';

const DEADLINE_MS = 120_000;

/** A tenant whose events are written by the thousand, or happen one by one. */
export class WebhooksTenant {
  private paused = false;
  private made = 0;

  private constructor(
    readonly client: HttpClient,
    readonly key: string,
    readonly owner: pg.Client,
    private readonly tenantId: string,
    private readonly sessionId: string,
  ) {}

  static async create(run: BenchRun, stack: BenchStack): Promise<WebhooksTenant> {
    const { client, key } = await stack.createTenant('Webhooks');
    const { body } = await client.post<{ id: string }>('/sessions', { name: 'bench' });
    const owner = new pg.Client(stack.databaseUrl);
    await owner.connect();
    run.defer('its connection', () => owner.end());
    await owner.query('SET ROLE wagate_worker');
    const { rows } = await owner.query<{ id: string }>(`SELECT id FROM tenants WHERE name = 'Webhooks'`);
    const tenantId = rows[0]?.id;
    if (tenantId === undefined) throw new Error('the tenant is not there');
    return new WebhooksTenant(client, key, owner, tenantId, body.id);
  }

  /** Makes webhooks, all healthy or each bad in another way; gives their ids. */
  async makeWebhooks(port: number, count: number, isHealthy = true): Promise<string[]> {
    const ids: string[] = [];
    for (let i = 0; i < count; i += 1) {
      const kind = isHealthy ? 'healthy' : BAD_KINDS[i % BAD_KINDS.length]!;
      const url = urlOfReceiver(port, kind, `w${String((this.made += 1))}`);
      const { status, body } = await this.client.post<{ id: string }>('/webhooks', { url });
      if (status !== 201) throw new Error(`a webhook was answered ${String(status)}`);
      ids.push(body.id);
    }
    return ids;
  }

  async switch(ids: readonly string[], enabled: boolean): Promise<void> {
    for (const id of ids) await this.client.request('PATCH', `/webhooks/${id}`, { enabled });
  }

  async deleteWebhooks(ids: readonly string[]): Promise<void> {
    for (const id of ids) await this.client.request('DELETE', `/webhooks/${id}`);
  }

  /** Writes events and waits until they are numbered. */
  async write(count: number): Promise<void> {
    const before = await this.lastSeq();
    const ids = Array.from({ length: count }, () => newId('evt'));
    await this.owner.query(
      `INSERT INTO events (tenant_id, id, type, data) SELECT $1, id, $3, $4 FROM unnest($2::text[]) AS id`,
      [this.tenantId, ids, FLOOD_TYPE, { messageId: newId('msg'), status: 'delivered' }],
    );
    await waitFor(async () => (await this.lastSeq()) >= before + count, {
      what: 'the events to be numbered',
      deadlineMs: DEADLINE_MS,
    });
  }

  /** Lets one event happen as tenants do. */
  async happen(): Promise<void> {
    const path = `/sessions/${this.sessionId}/${this.paused ? 'resume' : 'pause'}`;
    const { status } = await this.client.post(path);
    if (status !== 200) throw new Error(`${path} was answered ${String(status)}`);
    this.paused = !this.paused;
  }

  async lastSeq(): Promise<number> {
    const { rows } = await this.owner.query<{ last: number }>(
      'SELECT last_seq::int AS last FROM event_counters WHERE tenant_id = $1',
      [this.tenantId],
    );
    return rows[0]?.last ?? 0;
  }

  /** When each event behind `seq` was written, milliseconds since the epoch, by its `seq`. */
  async writtenAt(seq: number): Promise<Map<number, number>> {
    const { rows } = await this.owner.query<{ seq: number; ms: number }>(
      `SELECT seq::int AS seq, (extract(epoch FROM created_at) * 1000)::float8 AS ms FROM events
       WHERE tenant_id = $1 AND seq > $2`,
      [this.tenantId, seq],
    );
    return new Map(rows.map((row): [number, number] => [row.seq, row.ms]));
  }
}
