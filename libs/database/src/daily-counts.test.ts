import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '#kernel';
import { migratedDatabase, type MigratedDatabase } from '../../../test/support/migrated-database.js';
import { Database } from './index.js';

let own: MigratedDatabase;
let database: Database;

beforeAll(async () => {
  own = await migratedDatabase();
  // Many callers share few connections here, and a slow machine is slow.
  database = await Database.open({ url: own.appUrl, poolSize: 8, connectTimeoutMs: 60_000 });
});

afterAll(async () => {
  await database?.close();
  await own?.drop();
});

async function newTenant(daily: number | null, perSession: number | null): Promise<string> {
  const id = newId('tnt');
  const sql = `INSERT INTO tenants (id, name, daily_message_limit, session_daily_message_limit) VALUES ($1, 'A', $2, $3)`;
  await database.worker((tx) => tx.query(sql, [id, daily, perSession]));
  return id;
}

/** True when the message was counted; a reached cap rolls back, as callers must. */
async function take(tenantId: string, sessionId: string | null, n = 1): Promise<boolean> {
  const reached = new Error('reached');
  try {
    await database.tenantSql(tenantId, async (query) => {
      const sql = 'SELECT wagate_take_daily($1, $2, $3) AS reached';
      const [row] = await query<{ reached: string | null }>(sql, [tenantId, sessionId, n]);
      if (row?.reached) throw reached;
    });
    return true;
  } catch (error) {
    if (error === reached) return false;
    throw error;
  }
}

async function counted(tenantId: string, sessionId: string): Promise<number> {
  const sql = 'SELECT coalesce(sum(accepted), 0)::int AS n FROM usage_daily WHERE session_id = $1';
  const [row] = await database.tenantSql(tenantId, (query) => query<{ n: number }>(sql, [sessionId]));
  return row?.n ?? -1;
}

describe('the daily cap', () => {
  it.each([0, 1, 7, 16, 40])('lets exactly %i of 60 concurrent messages through', async (cap) => {
    const tenantId = await newTenant(cap, null);
    const results = await Promise.all(Array.from({ length: 60 }, () => take(tenantId, 'ses_a')));
    expect(results.filter(Boolean)).toHaveLength(cap);
    expect(await counted(tenantId, '')).toBe(cap);
    expect(await counted(tenantId, 'ses_a')).toBe(cap);
  });

  it('counts each session against its own cap, and does not charge the tenant for a refusal', async () => {
    const tenantId = await newTenant(100, 3);
    const results = await Promise.all(Array.from({ length: 8 }, () => take(tenantId, 'ses_a')));
    expect(results.filter(Boolean)).toHaveLength(3);
    expect(await take(tenantId, 'ses_b')).toBe(true);
    expect(await counted(tenantId, '')).toBe(4);
  });

  it('bites at once when it is set or lowered below what was counted', async () => {
    const tenantId = await newTenant(null, null);
    for (let i = 0; i < 4; i += 1) expect(await take(tenantId, 'ses_a', 25)).toBe(true);
    const cap = (lim: number) =>
      database.worker((tx) =>
        tx.query('UPDATE tenants SET daily_message_limit = $2 WHERE id = $1', [tenantId, lim]),
      );
    await cap(48);
    expect(await take(tenantId, 'ses_a')).toBe(false);
    expect(await counted(tenantId, '')).toBe(100);
    await cap(400);
    expect(await take(tenantId, 'ses_a')).toBe(true);
  });

  it('takes several at once, all or none', async () => {
    const tenantId = await newTenant(50, null);
    expect(await take(tenantId, null, 30)).toBe(true);
    expect(await take(tenantId, null, 21)).toBe(false);
    expect(await counted(tenantId, '')).toBe(30);
    expect(await take(tenantId, null, 20)).toBe(true);
    expect(await take(tenantId, null)).toBe(false);
  });

  it('never deadlocks, also when transactions take for several sessions up to the cap in any order', async () => {
    const tenantId = await newTenant(48, 20);
    const sessions = ['ses_a', 'ses_b', 'ses_c', 'ses_d'];
    const takers = Array.from({ length: 24 }, async (_, i) => {
      const order = [...sessions.slice(i % 4), ...sessions.slice(0, i % 4)];
      const reached = new Error('reached');
      try {
        await database.tenantSql(tenantId, async (query) => {
          for (const session of order) {
            const [row] = await query<{ reached: string | null }>(
              'SELECT wagate_take_daily($1, $2, 1) AS reached',
              [tenantId, session],
            );
            if (row?.reached) throw reached;
          }
        });
        return 4;
      } catch (error) {
        if (error !== reached) throw error;
        return 0;
      }
    });
    const taken = (await Promise.all(takers)).reduce<number>((sum, n) => sum + n, 0);
    expect(taken).toBeLessThanOrEqual(48);
    expect(await counted(tenantId, '')).toBe(taken);
  });

  it('has no end where there is no cap', async () => {
    const tenantId = await newTenant(null, null);
    expect(await take(tenantId, 'ses_a', 1_000_000)).toBe(true);
    expect(await take(tenantId, 'ses_a')).toBe(true);
  });
});
