import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { Simulator } from '../../apps/simulator/src/index.js';
import { HttpClient } from '../support/http-client.js';
import { linkSession, newPhone } from '../support/session-steps.js';
import { waitFor } from '../support/wait-for.js';
import type { BenchRun } from './bench-run.js';
import { startBenchStack } from './bench-stack.js';
import { median, nowMs, percentile } from './statistics.js';

const SINGLE_MESSAGES = 100;
const PAUSE_MS = 150;
const BURST_MESSAGES = 500;
const BURST_SENDERS = 50;
const BURSTS = 3;
const DEADLINE_MS = 120_000;

/** Counts stored messages of one session whose text begins so, past row security. */
class StoredMessages {
  constructor(
    private readonly client: pg.Client,
    private readonly sessionId: string,
  ) {}

  async count(prefix: string): Promise<number> {
    const { rows } = await this.client.query<{ n: number }>({
      name: 'stored',
      text: `SELECT count(*)::int AS n FROM messages
        WHERE session_id = $1 AND direction = 'in' AND starts_with(content->>'text', $2)`,
      values: [this.sessionId, prefix],
    });
    return rows[0]?.n ?? 0;
  }

  /** The moment at which `count` of them were seen. */
  async seen(prefix: string, count: number, pollMs: number): Promise<number> {
    await waitFor(async () => (await this.count(prefix)) >= count, {
      what: `${String(count)} stored messages`,
      deadlineMs: DEADLINE_MS,
      pollMs,
    });
    return nowMs();
  }
}

async function say(simulator: Simulator, from: string, to: string, body: string): Promise<void> {
  const simulated = new HttpClient(simulator.controlUrl);
  const { status, bytes } = await simulated.post('/messages', { from, to, type: 'text', body });
  if (status !== 201) throw new Error(`the simulator took no message: ${bytes.toString()}`);
}

interface Inbound {
  /** Milliseconds from a phone's single message to its row. */
  one(body: string, n: number): Promise<number>;
  /** Messages a second that became rows, of a burst. */
  burst(prefix: string): Promise<number>;
}

async function startInbound(run: BenchRun): Promise<Inbound> {
  const server = await run.postgres();
  const database = await run.database(server);
  const { simulator, ...stack } = await startBenchStack(run, {
    database,
    simulator: { qrFirstMs: 240_000 },
  });
  const { client } = await stack.createTenant('Inbound');
  const phone = newPhone();
  const session = await linkSession({ simulator, ...stack }, client, phone);
  const reader = new pg.Client({ connectionString: database.url });
  await reader.connect();
  run.defer('its reader', () => reader.end());
  const stored = new StoredMessages(reader, session.id);
  const senders = Array.from({ length: BURST_SENDERS }, newPhone);
  for (const sender of senders) simulator.network.putAccount({ phone: sender, name: 'Sender' });
  const sayAs = (n: number, body: string) => say(simulator, senders[n % BURST_SENDERS] ?? '', phone, body);
  return {
    one: async (body, n) => {
      const startedAt = nowMs();
      await sayAs(n, body);
      return (await stored.seen(body, 1, 2)) - startedAt;
    },
    burst: async (prefix) => {
      const startedAt = nowMs();
      const said = Array.from({ length: BURST_MESSAGES }, (_, n) => sayAs(n, `${prefix}-${String(n)}`));
      const seen = stored.seen(`${prefix}-`, BURST_MESSAGES, 20);
      await Promise.all(said);
      return (BURST_MESSAGES / ((await seen) - startedAt)) * 1000;
    },
  };
}

/** From a phone's message on the simulator to its row in Postgres, one at a time and in bursts. */
export async function inboundBench(run: BenchRun): Promise<void> {
  const inbound = await startInbound(run);
  await inbound.burst('warm-up');
  const latencies: number[] = [];
  for (let n = 0; n < SINGLE_MESSAGES; n += 1) {
    latencies.push(await inbound.one(`single-${String(n)}.`, n));
    await delay(PAUSE_MS);
  }
  run.log(`phone to row: ${median(latencies).toFixed(1)} ms at the median`);
  const rates: number[] = [];
  for (let n = 1; n <= BURSTS; n += 1) rates.push(await inbound.burst(`burst-${String(n)}`));
  run.add({ what: 'phone to row, median', unit: 'ms', wagate: median(latencies) });
  run.add({ what: 'phone to row, p95', unit: 'ms', wagate: percentile(latencies, 0.95) });
  run.add({ what: 'stored in a burst', unit: '/s', wagate: median(rates) });
  run.note(
    `Single messages: ${String(SINGLE_MESSAGES)}, ${String(PAUSE_MS)} ms apart, the row looked for every 2 ms. Bursts: ` +
      `${String(BURST_MESSAGES)} messages from ${String(BURST_SENDERS)} phones at once, median of ${String(BURSTS)}.`,
  );
}
