import fc from 'fast-check';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Database } from '#database';
import { newId } from '#kernel';
import { createLogger } from '#runtime';
import { waitFor } from '../../../test/support/index.js';
import { migratedDatabase, type MigratedDatabase } from '../../../test/support/migrated-database.js';
import { EventLog, EventRelay } from '../src/events/index.js';

const logger = createLogger('api', 'error', { format: 'json', write: () => undefined });
const APP = 'wagate-api-event-log-test';

let own: MigratedDatabase;
let settings: { url: string; applicationName: string; poolSize: number };
let database: Database;
let owner: pg.Client;
const relays: EventRelay[] = [];

beforeAll(async () => {
  own = await migratedDatabase();
  settings = { url: own.appUrl, applicationName: APP, poolSize: 12 };
  database = await Database.open(settings);
  owner = new pg.Client(own.url);
  await owner.connect();
});
afterEach(async () => {
  await Promise.all(relays.splice(0).map((relay) => relay.beforeApplicationShutdown()));
});
afterAll(async () => {
  await database?.close();
  await owner?.end();
  await own?.drop();
});

async function newTenant(): Promise<string> {
  const id = newId('tnt');
  await owner.query(`INSERT INTO tenants (id, name) VALUES ($1, 'Events')`, [id]);
  return id;
}

function startRelay(on: Database = database): EventRelay {
  const relay = new EventRelay(on, logger);
  relays.push(relay);
  relay.onApplicationBootstrap();
  return relay;
}

interface Written {
  transaction: number;
  place: number;
}

/** What a reader sees who always asks for what comes after the last number seen. */
class Reader {
  readonly seen: { seq: number; data: Written }[] = [];

  constructor(private readonly tenantId: string) {}

  async look(): Promise<void> {
    const after = this.seen.at(-1)?.seq ?? 0;
    const rows = await database.tenantSql(this.tenantId, (query) =>
      query<{ seq: string; data: Written }>(
        'SELECT seq, data FROM events WHERE tenant_id = $1 AND seq > $2 ORDER BY seq LIMIT 50',
        [this.tenantId, after],
      ),
    );
    this.seen.push(...rows.map(({ seq, data }) => ({ seq: Number(seq), data })));
  }
}

class RolledBack extends Error {}

/** One writer's transaction: so many events, written in so many statements, then held, then kept or not. */
const transactionShape = fc.record({
  statements: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 }),
  heldMs: fc.constantFrom(0, 0, 0, 5, 40),
  isKept: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
});
type TransactionShape = typeof transactionShape extends fc.Arbitrary<infer T> ? T : never;

async function write(log: EventLog, tenantId: string, shape: TransactionShape, transaction: number) {
  let place = 0;
  await database
    .workerSql(async (query) => {
      for (const count of shape.statements) {
        const events = Array.from({ length: count }, () => ({
          tenantId,
          sessionId: null,
          type: 'limit.reached' as const,
          data: { transaction, place: place++ },
        }));
        await log.append(query, events);
        if (shape.heldMs > 0) await query('SELECT pg_sleep($1)', [shape.heldMs / 1_000]);
      }
      if (!shape.isKept) throw new RolledBack();
    })
    .catch((error: unknown) => {
      if (!(error instanceof RolledBack)) throw error;
    });
  return shape.isKept ? place : 0;
}

describe('the event log', () => {
  it('numbers what is committed without a gap, each event once and in order, and hides nothing behind a reader', async () => {
    const elsewhere = await Database.open(settings);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(transactionShape, { maxLength: 5 }), { minLength: 1, maxLength: 6 }),
        async (writers) => {
          const tenants = [await newTenant(), await newTenant()] as const;
          const log = new EventLog(startRelay());
          startRelay(elsewhere);
          const readers = tenants.map((tenantId) => new Reader(tenantId));
          const kept = [0, 0];
          let transaction = 0;
          const writing = Promise.all(
            writers.map(async (shapes, writer) => {
              const to = writer % 2;
              for (const shape of shapes) {
                const count = await write(log, tenants[to] ?? '', shape, transaction++);
                kept[to] = (kept[to] ?? 0) + count;
              }
            }),
          );
          let isWritten = false;
          void writing.finally(() => (isWritten = true));
          await waitFor(
            async () => {
              await Promise.all(readers.map((reader) => reader.look()));
              return isWritten && readers.every((reader, n) => reader.seen.length >= (kept[n] ?? 0));
            },
            { what: 'readers to see every event', deadlineMs: 60_000 },
          );
          await writing;
          readers.forEach(({ seen }, n) => expectWhole(seen, kept[n] ?? 0));
          await Promise.all(relays.splice(0).map((relay) => relay.beforeApplicationShutdown()));
        },
      ),
      { numRuns: 15 },
    );
    await elsewhere.close();
  }, 180_000);

  it('loses and doubles nothing when a relay dies before its commit', async () => {
    const tenantId = await newTenant();
    const log = new EventLog(new EventRelay(database, logger));
    await write(log, tenantId, { statements: [4, 4], heldMs: 0, isKept: true }, 1);
    const dying = new pg.Client({ connectionString: own.url });
    dying.on('error', () => undefined);
    await dying.connect();
    await dying.query('BEGIN');
    await dying.query('SET LOCAL ROLE wagate_worker');
    const { rows } = await dying.query<{ numbered: number }>('SELECT * FROM wagate_number_events(3)');
    expect(rows[0]?.numbered).toBe(3);
    // Another one leaves the tenant alone as long as nobody knows how this ends.
    const other = new EventRelay(database, logger);
    expect(await other.number()).toMatchObject({ numbered: 0, held: 1 });
    const pid = await dying.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    await owner.query('SELECT pg_terminate_backend($1)', [pid.rows[0]?.pid]);
    await waitFor(async () => (await other.number()).numbered === 8, { what: 'the lock to be free' });
    const reader = new Reader(tenantId);
    await reader.look();
    expectWhole(reader.seen, 8);
    await dying.end().catch(() => undefined);
  });

  it('goes on counting when old events are gone', async () => {
    const tenantId = await newTenant();
    const relay = new EventRelay(database, logger);
    const log = new EventLog(relay);
    await write(log, tenantId, { statements: [3], heldMs: 0, isKept: true }, 1);
    await relay.number();
    await owner.query('DELETE FROM events WHERE tenant_id = $1', [tenantId]);
    await write(log, tenantId, { statements: [1], heldMs: 0, isKept: true }, 2);
    await relay.number();
    const { rows } = await owner.query('SELECT seq FROM events WHERE tenant_id = $1', [tenantId]);
    expect(rows).toEqual([{ seq: '4' }]);
  });
});

function expectWhole(seen: Reader['seen'], count: number): void {
  expect(seen.map(({ seq }) => seq)).toEqual(Array.from({ length: count }, (_, n) => n + 1));
  const byTransaction = new Map<number, number[]>();
  for (const { data } of seen) {
    byTransaction.set(data.transaction, [...(byTransaction.get(data.transaction) ?? []), data.place]);
  }
  for (const places of byTransaction.values()) expect(places).toEqual(places.map((_, n) => n));
}
