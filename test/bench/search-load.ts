import pg from 'pg';
import { idBoundary, newId } from '#kernel';
import type { BenchRun } from './bench-run.js';
import { copyIn } from './copy-in.js';
import { COPY_MESSAGES, COPY_SEARCH, SearchRows, type BenchTenant } from './search-rows.js';

const BATCH = 100_000;
const TABLES = ['messages', 'message_search'];

/** Number of sessions of each tenant, and its share of the messages: one large tenant, and smaller ones. */
export const SHAPE = [
  { sessions: 20, share: 0.4 },
  { sessions: 10, share: 0.2 },
  { sessions: 5, share: 0.2 },
  { sessions: 3, share: 0.15 },
  { sessions: 1, share: 0.05 },
];

/** Fills the database as if the tenants had been at work for half a year. */
export class SearchLoad {
  private constructor(
    private readonly run: BenchRun,
    private readonly client: pg.Client,
  ) {}

  static async open(run: BenchRun, ownerUrl: string): Promise<SearchLoad> {
    const client = new pg.Client({ connectionString: ownerUrl, application_name: 'wagate-bench-load' });
    await client.connect();
    run.defer('the loading connection', () => client.end());
    return new SearchLoad(run, client);
  }

  /** Gives a tenant, by its name, its sessions, all linked and none running. */
  async tenant(name: string, { sessions, share }: (typeof SHAPE)[number]): Promise<BenchTenant> {
    const tenantId = await this.idOf(name);
    const ids: string[] = [];
    for (let n = 0; n < sessions; n += 1) {
      const id = newId('ses');
      ids.push(id);
      await this.client.query(
        `INSERT INTO sessions (tenant_id, id, name, mode, linked_at) VALUES ($1, $2, $3, 'test', now())`,
        [tenantId, id, `session-${String(n)}`],
      );
    }
    const { rows } = await this.client.query<{ number: number }>(
      `INSERT INTO search_progress (tenant_id) VALUES ($1) ON CONFLICT (tenant_id) DO UPDATE SET upto_id = ''
       RETURNING number`,
      [tenantId],
    );
    return { id: tenantId, number: rows[0]?.number ?? 0, share, sessions: ids };
  }

  private async idOf(name: string): Promise<string> {
    const { rows } = await this.client.query<{ id: string }>('SELECT id FROM tenants WHERE name = $1', [
      name,
    ]);
    if (!rows[0]) throw new Error(`there is no tenant ${name}`);
    return rows[0].id;
  }

  /** By COPY, without indexes but the primary keys; these come after. */
  async messages(tenants: readonly BenchTenant[], total: number): Promise<void> {
    // Before: none of the messages may be taken for new ones by the api's own indexing.
    const far = idBoundary('msg', Date.now() + 86_400_000);
    await this.client.query('UPDATE search_progress SET upto_id = $1', [far]);
    const indexes = await this.dropIndexes();
    await this.client.query(`SET session_replication_role = 'replica'`);
    for (const table of TABLES)
      await this.client.query(`ALTER TABLE ${table} SET (autovacuum_enabled = off)`);
    const rows = new SearchRows(tenants, total, Date.now() - 60_000);
    for (let done = 0; done < total; done += BATCH) {
      const { messages, search } = rows.next(BATCH);
      await copyIn(this.client, COPY_MESSAGES, messages);
      await copyIn(this.client, COPY_SEARCH, search);
      if ((done + BATCH) % 1_000_000 === 0) this.run.log(`${String((done + BATCH) / 1e6)} million rows`);
    }
    await this.client.query(`SET maintenance_work_mem = '1GB'`);
    for (const { name, definition } of indexes) {
      await this.client.query(definition);
      this.run.log(`index ${name}`);
    }
    for (const { id } of tenants) {
      await this.client.query('UPDATE search_progress SET upto_id = $2, indexed = $3 WHERE tenant_id = $1', [
        id,
        rows.lastIds.get(id) ?? '',
        rows.indexedOf(id),
      ]);
    }
    // What its trigger would have done.
    await this.client.query(
      `SELECT wagate_widen_search_blocks(x.tenant_id, array_agg(x.message_id)) FROM message_search x
       GROUP BY x.tenant_id, x.block`,
    );
    for (const table of TABLES) {
      await this.client.query(`ALTER TABLE ${table} RESET (autovacuum_enabled)`);
      await this.client.query(`VACUUM (ANALYZE) ${table}`);
    }
    await this.client.query('ANALYZE sessions');
  }

  /** In words: what was loaded, with indexes, by table, and the memory that Postgres keeps pages in. */
  async describe(): Promise<string> {
    const { rows } = await this.client.query<{ name: string; bytes: string; buffers: string }>(
      `SELECT t AS name, pg_total_relation_size(t::regclass) AS bytes, current_setting('shared_buffers') AS buffers
       FROM unnest($1::text[]) AS t`,
      [TABLES],
    );
    const tables = rows.map(({ name, bytes }) => `${name} ${(Number(bytes) / 2 ** 30).toFixed(1)} GiB`);
    return `${tables.join(', ')} with indexes, shared_buffers ${rows[0]?.buffers ?? '?'}`;
  }

  private async dropIndexes(): Promise<{ name: string; definition: string }[]> {
    const { rows } = await this.client.query<{ name: string; definition: string }>(
      `SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS definition FROM pg_index i
       WHERE i.indrelid = ANY($1::regclass[]) AND NOT i.indisprimary
         AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)`,
      [TABLES],
    );
    for (const { name } of rows) await this.client.query(`DROP INDEX ${name}`);
    return rows;
  }
}
