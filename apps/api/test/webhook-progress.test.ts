import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '#kernel';
import { startApi, type TestApi, type TestTenant } from '../../../test/support/start-api.js';
import { waitFor } from '../../../test/support/index.js';
import { ApiProcess } from '../src/api-process.js';
import type { DeliveryResult } from '../src/webhooks/delivery/delivery-repository.js';
import type { LaneProgress } from '../src/webhooks/delivery/progress-repository.js';
import { ProgressWriter } from '../src/webhooks/delivery/progress-writer.js';
import { SharedEvents } from '../src/webhooks/delivery/shared-events.js';
import { WebhookRepository } from '../src/webhooks/webhook-repository.js';
import { WEBHOOK_SETTINGS, webhookSteps } from './webhook-steps.js';

let api: TestApi;
let tenant: TestTenant;
const { create, happen } = webhookSteps(() => api);

beforeAll(async () => {
  api = await startApi(WEBHOOK_SETTINGS);
  tenant = await api.createTenant();
});
afterAll(() => api?.close());

const sql = (statement: string, values: unknown[] = []) =>
  api.database.tenantSql(tenant.tenantId, (query) => query(statement, values));

/** A webhook that this process holds the lease of, and what a lane found out about it: one attempt that failed. */
async function lane(): Promise<LaneProgress & { result: DeliveryResult }> {
  const { id } = await create(tenant, 'http://127.0.0.1:9/');
  const lease = `${api.app.get(ApiProcess, { strict: false }).name} ${id}`;
  await sql(
    `UPDATE webhooks SET leased_by = $2, leased_until = now() + make_interval(secs => 600) WHERE id = $1`,
    [id, lease],
  );
  const webhook = await api.database.tenant(tenant.tenantId, (tx) =>
    api.app
      .get(WebhookRepository, { strict: false })
      .find(tx, { tenantId: tenant.tenantId, mode: 'test', sessionIds: null }, id),
  );
  if (!webhook) throw new Error('there is no webhook');
  const result: DeliveryResult = {
    id: newId('dlv'),
    delivery: {
      row: null,
      event: {
        id: newId('evt'),
        seq: 1,
        type: 'limit.reached',
        apiVersion: '1',
        createdAt: new Date().toISOString(),
        tenantId: tenant.tenantId,
        session: null,
        data: {},
      },
    },
    attempt: {
      at: new Date().toISOString(),
      status: 500,
      error: null,
      durationMs: 1,
      responseType: null,
      responseHead: null,
    },
    nextAt: new Date(Date.now() + 3_600_000),
    isDelivered: false,
  };
  const breaker = { failures: 0, failingSinceMs: null, openUntilMs: null };
  const progress = { results: [result], cursorSeq: 0, breaker, disable: null, release: false };
  return { webhook, progress, result };
}

/** A promise that is kept from outside. */
function promised<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((keep) => (resolve = keep));
  return { promise, resolve };
}

/** Runs `work` while somebody holds the rows that `statement` locks. */
async function whileLocked(statement: string, id: string, work: () => Promise<void>): Promise<void> {
  const locked = promised<undefined>();
  const done = promised<undefined>();
  const holder = api.database.tenantSql(tenant.tenantId, async (query) => {
    await query(statement, [id]);
    locked.resolve(undefined);
    await done.promise;
  });
  await locked.promise;
  await work().finally(() => done.resolve(undefined));
  await holder;
}

/** Writes for the lane that is held up; tells whether that is over. */
function begin(
  writer: ProgressWriter,
  held: LaneProgress,
): { isOver: () => boolean; ended: Promise<unknown> } {
  let isOver = false;
  const ended = writer
    .write(held)
    .catch((error: unknown) => error)
    .finally(() => (isOver = true));
  return { ended, isOver: () => isOver };
}

const somebodyWaits = () =>
  waitFor(
    async () =>
      (
        await sql(
          `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`,
        )
      ).length,
    { what: 'somebody to wait for the lock' },
  );

describe('what lanes found out', () => {
  it('is written while somebody holds the webhook of another lane', async () => {
    const writer = api.app.get(ProgressWriter, { strict: false });
    const [held, free] = [await lane(), await lane()];
    let begun: ReturnType<typeof begin> | undefined;
    await whileLocked('SELECT FROM webhooks WHERE id = $1 FOR UPDATE', held.webhook.id, async () => {
      begun = begin(writer, held);
      await somebodyWaits();
      expect(await writer.write(free)).toBe(true);
      expect(begun.isOver()).toBe(false);
    });
    expect(await begun?.ended).toBe(true);
  });

  it('is written while a delivery of another lane is locked, which fails alone', async () => {
    const writer = api.app.get(ProgressWriter, { strict: false });
    const [held, free, other] = [await lane(), await lane(), await lane()];
    expect(await writer.write(held)).toBe(true);
    const { result } = held;
    const delivery = { ...result.delivery, row: { id: result.id, attempts: 1 } };
    const again = { ...held, progress: { ...held.progress, results: [{ ...result, delivery }] } };
    const lock = 'SELECT FROM webhook_deliveries WHERE id = $1 FOR UPDATE';
    let next: ReturnType<typeof begin> | undefined;
    await whileLocked(lock, result.id, async () => {
      const { ended, isOver } = begin(writer, again);
      expect(await writer.write(free)).toBe(true);
      expect(isOver()).toBe(false);
      expect(await ended).toMatchObject({ code: 'service_unavailable' });
      // From now on it is left to itself.
      next = begin(writer, again);
      await somebodyWaits();
      expect(await writer.write(other)).toBe(true);
      expect(next.isOver()).toBe(false);
    });
    expect(await next?.ended).toBe(true);
    const [row] = await sql(
      'SELECT jsonb_array_length(attempts) AS attempts FROM webhook_deliveries WHERE id = $1',
      [result.id],
    );
    expect(row).toEqual({ attempts: 2 });
  });
});

describe('events that are read for lanes', () => {
  it('are fewer at a time when they are large, and none is left out', async () => {
    const { webhook } = await lane();
    const shared = api.app.get(SharedEvents, { strict: false });
    await happen(tenant, 30, { text: 'x'.repeat(60_000) });
    const seen: number[] = [];
    let after = 0;
    const readOn = async (): Promise<boolean> => {
      const slice = await shared.listNew(webhook, after, 100);
      const bytes = slice.events.reduce((sum, event) => sum + JSON.stringify(event).length, 0);
      expect(bytes).toBeLessThanOrEqual(1_000_000);
      seen.push(...slice.events.map(({ data }) => data['place'] as number));
      after = slice.lastSeq;
      return seen.length >= 30;
    };
    await waitFor(readOn, { what: 'all events' });
    expect(seen).toEqual(Array.from({ length: 30 }, (_, i) => i));
  });
});
