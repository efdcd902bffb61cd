import { linkSession, newPhone, type SessionView } from '../support/session-steps.js';
import { analyze } from '../support/analyze.js';
import type { BenchRun } from './bench-run.js';
import { startBenchStack } from './bench-stack.js';
import type { Sender, SendOrder } from './dispatch-plan.js';
import { CONNECTIONS } from './accept-load.js';
import { PostConnection } from './post-connection.js';
import { nowMs } from './statistics.js';

/** Posts messages as accepted load: each connection one at a time. */
class MessagePoster {
  private posted = 0;

  constructor(
    private readonly connection: PostConnection,
    private readonly sessions: readonly SessionView[],
  ) {}

  async post(index: number, to: string, text: string): Promise<{ calledAtMs: number; acceptedAtMs: number }> {
    this.posted += 1;
    const calledAtMs = nowMs();
    const body = { session: this.sessions[index]?.id, to, type: 'text', text };
    const answer = await this.connection.post(`${text}-${String(this.posted)}`, body);
    if (answer.status !== 202) throw new Error(`not accepted: ${answer.body}`);
    return { calledAtMs, acceptedAtMs: nowMs() };
  }
}

export async function startWagateSender(run: BenchRun, sessions: number): Promise<Sender> {
  const server = await run.postgres();
  const database = await run.database(server);
  const stack = await startBenchStack(run, {
    database,
    simulator: { qrFirstMs: 240_000 },
    nodeEnv: { MAX_SESSIONS: String(sessions) },
  });
  const { client, key } = await stack.createTenant('Dispatch');
  const linked = await Promise.all(
    Array.from({ length: sessions }, () => linkSession(stack, client, newPhone())),
  );
  run.log(`wagate: ${String(sessions)} linked`);
  const target = {
    port: Number(new URL(stack.baseUrl).port),
    path: '/api/v1/messages',
    headers: { authorization: `Bearer ${key}` },
  };
  const posters = await Promise.all(
    Array.from(
      { length: CONNECTIONS },
      async () => new MessagePoster(await PostConnection.open(target), linked),
    ),
  );
  const [first] = posters as [MessagePoster];
  // How many are in flight is wagate's own affair.
  const sendMany = async ({ prefix, sessions: senders, to, count }: SendOrder) => {
    const orders = Array.from({ length: count * senders }, (_, n) => ({
      index: n % senders,
      n: Math.floor(n / senders),
    }));
    const lane = async (poster: MessagePoster) => {
      for (let order = orders.shift(); order; order = orders.shift()) {
        const { index, n } = order;
        await poster.post(index, to[n % to.length] ?? '', `${prefix}-${String(index)}-${String(n)}`);
      }
    };
    await Promise.all(posters.map(lane));
  };
  const tell = async (senders: number, verb: 'pause' | 'resume') => {
    const told = linked.slice(0, senders).map(({ id }) => client.post(`/sessions/${id}/${verb}`));
    for (const { status } of await Promise.all(told)) {
      if (status !== 200) throw new Error(`${verb} was answered with ${String(status)}`);
    }
  };
  return {
    simulator: stack.simulator,
    pids: { api: stack.api.pid, node: stack.node.pid, postgres: server.pid },
    send: (to, body) => first.post(0, to, body),
    sendMany,
    warmedUp: () => analyze(database.url),
    fillQueue: async (order) => {
      await tell(order.sessions, 'pause');
      await sendMany(order);
      return () => tell(order.sessions, 'resume');
    },
  };
}
