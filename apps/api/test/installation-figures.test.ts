import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../../../test/support/index.js';
import { startApi } from '../../../test/support/start-api.js';
import { TcpRelay } from '../../../test/support/tcp-relay.js';
import type { MessageResource } from '../src/messages/message-resource.js';
import { ALEX, handed, interrupted, Messaging, statusOf } from './messaging.js';

let messaging: Messaging;

beforeAll(async () => {
  messaging = await Messaging.start();
  messaging.node.scripts['message.send'] = (request) => handed(request);
});
afterAll(() => messaging?.close());

const sql = (text: string, values: unknown[]) =>
  messaging.api.database.workerSql((query) => query(text, values));

/** Values of a scrape, by series as it is written. */
async function scrape(baseUrl: string): Promise<Map<string, number>> {
  const text = await (await fetch(`${baseUrl}/metrics`, { signal: AbortSignal.timeout(30_000) })).text();
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const end = line.lastIndexOf(' ');
      return [line.slice(0, end), Number(line.slice(end + 1))];
    }),
  );
}

/** The figures are remembered for a moment. */
function shown(series: string, test: (value: number) => boolean): Promise<number> {
  return waitFor(
    async () => {
      const value = (await scrape(messaging.api.baseUrl)).get(series);
      return value !== undefined && test(value) && { value };
    },
    { what: series },
  ).then(({ value }) => value);
}

const shows = (series: string, expected: number) => shown(series, (value) => value === expected);

describe('the metrics of the installation', () => {
  it('tell the messages that have not ended, and how old the oldest is that waits, by why it waits', async () => {
    const { tenant, session } = await messaging.connect();
    const send = async () => {
      const body = { session: session.id, to: ALEX, type: 'text', text: 'Hi' };
      return (await tenant.client.post<MessageResource>('/messages', body)).body.id;
    };
    const underWay = await send();
    await statusOf(tenant, underWay, 'sending');
    await messaging.node.become(session.id, interrupted());
    const ids = [await send(), await send()];
    await shows('wagate_messages_open{status="queued"}', 2);
    await shows('wagate_messages_open{status="sending"}', 1);
    await sql(`UPDATE messages SET created_at = now() - interval '1 hour' WHERE id = $1`, [ids[0]]);
    const age = await shown('wagate_oldest_queued_seconds{queue="not_connected"}', (value) => value >= 3_600);
    expect(age).toBeLessThan(5_400);
    await shows('wagate_oldest_queued_seconds{queue="sending"}', 0);
    await tenant.client.post(`/sessions/${session.id}/pause`);
    await shown('wagate_oldest_queued_seconds{queue="paused"}', (value) => value >= 3_600);
    for (const id of ids) await tenant.client.post(`/messages/${id}/cancel`);
    await shows('wagate_messages_open{status="queued"}', 0);
    await shows('wagate_oldest_queued_seconds{queue="paused"}', 0);
  });

  it('tell the sessions by state and reason, and none as connected that nobody proved', async () => {
    const { tenant, session } = await messaging.connect();
    await shown('wagate_sessions{state="connected",reason="ready"}', (value) => value >= 1);
    await messaging.node.become(session.id, interrupted());
    await shown('wagate_sessions{state="interrupted",reason="network"}', (value) => value >= 1);
    await tenant.client.post('/sessions', { name: 'never-started' });
    await shows('wagate_sessions{state="stopped",reason="created"}', 1);
    await shows('wagate_sessions{state="failed",reason=""}', 0);
    await sql(
      `UPDATE sessions SET state = 'connected', reported_at = now() - interval '1 minute', node_name = NULL
      WHERE name = $1`,
      ['never-started'],
    );
    await shows('wagate_sessions{state="interrupted",reason="probe_failed"}', 1);
  });

  it('tell how long events have waited for their number', async () => {
    const { tenantId } = await messaging.api.createTenant();
    // Its number cannot be given while somebody holds its tenant's counter.
    await sql('INSERT INTO event_counters (tenant_id) VALUES ($1) ON CONFLICT DO NOTHING', [tenantId]);
    await messaging.api.database.workerSql(async (query) => {
      await query('SELECT FROM event_counters WHERE tenant_id = $1 FOR UPDATE', [tenantId]);
      await sql(
        `INSERT INTO events (tenant_id, id, type, data, created_at)
         VALUES ($1, 'evt_late', 'session.state_changed', '{}', now() - interval '1 minute')`,
        [tenantId],
      );
      await shown('wagate_event_relay_lag_seconds', (value) => value >= 60);
      expect((await scrape(messaging.api.baseUrl)).get('wagate_events_unnumbered')).toBeGreaterThanOrEqual(1);
    });
    await shows('wagate_event_relay_lag_seconds', 0);
  });

  it('tell the webhooks that fail and those that were given up', async () => {
    const { tenantId } = await messaging.api.createTenant();
    const add = (id: string, enabled: boolean, why: string | null, failing: boolean) =>
      sql(
        `INSERT INTO webhooks (tenant_id, id, url, mode, secret_sealed, enabled, disabled_reason, failing_since)
         VALUES ($1, $2, 'https://127.0.0.1:9/', 'live', '', $3, $4, CASE WHEN $5 THEN now() END)`,
        [tenantId, id, enabled, why, failing],
      );
    await add('whk_failing', true, null, true);
    await add('whk_gone', false, 'gone', true);
    await add('whk_off', false, 'by_tenant', false);
    await shows('wagate_webhooks{state="failing"}', 1);
    await shows('wagate_webhooks{state="given_up"}', 1);
    await shows('wagate_webhooks{state="well"}', 0);
  });

  it('say that they cannot be read when the database is away, and show no old ones', async () => {
    const relay = await TcpRelay.start(Number(new URL(messaging.api.config.DATABASE_OWNER_URL).port));
    const api = await startApi({}, { databasePort: relay.port });
    try {
      expect((await scrape(api.baseUrl)).get('wagate_figures_up')).toBe(1);
      relay.cut();
      const cut = await waitFor(
        async () => {
          const series = await scrape(api.baseUrl);
          return series.get('wagate_figures_up') === 0 && series;
        },
        { what: 'figures that cannot be read' },
      );
      const old = [...cut.keys()].filter((name) =>
        /^wagate_(sessions|messages|oldest|event|webhooks)/.test(name),
      );
      expect(old).toEqual([]);
      expect(cut.has('process_resident_memory_bytes')).toBe(true);
      relay.mend();
      await waitFor(async () => (await scrape(api.baseUrl)).get('wagate_figures_up') === 1, {
        what: 'figures again',
      });
    } finally {
      relay.mend();
      await api.close();
      await relay.stop();
    }
  });
});
