import { linkSession, newPhone } from '../support/session-steps.js';
import type { BenchRun } from './bench-run.js';
import { startBenchStack } from './bench-stack.js';
import type { Sender } from './dispatch-bench.js';
import { nowMs } from './statistics.js';

export async function startWagateSender(run: BenchRun, sessions: number): Promise<Sender> {
  const server = await run.postgres();
  const stack = await startBenchStack(run, {
    database: await run.database(server),
    simulator: { qrFirstMs: 240_000 },
    nodeEnv: { MAX_SESSIONS: String(sessions) },
  });
  const { client } = await stack.createTenant('Dispatch');
  const linked = await Promise.all(
    Array.from({ length: sessions }, () => linkSession(stack, client, newPhone())),
  );
  run.log(`wagate: ${String(sessions)} linked`);
  const post = async (index: number, to: string, text: string) => {
    const calledAtMs = nowMs();
    const message = { session: linked[index]?.id, to, type: 'text', text };
    const { status, bytes } = await client.post('/messages', message);
    const acceptedAtMs = nowMs();
    if (status !== 202) throw new Error(`not accepted: ${bytes.toString()}`);
    return { calledAtMs, acceptedAtMs };
  };
  return {
    simulator: stack.simulator,
    send: (to, body) => post(0, to, body),
    sendMany: async ({ prefix, sessions: senders, to, count, inFlight }) => {
      const lane = async (index: number, first: number) => {
        for (let n = first; n < count; n += inFlight) {
          await post(index, to[n % to.length] ?? '', `${prefix}-${String(index)}-${String(n)}`);
        }
      };
      const indexes = Array.from({ length: senders }, (_, index) => index);
      await Promise.all(
        indexes.flatMap((index) => Array.from({ length: inFlight }, (_, first) => lane(index, first))),
      );
    },
  };
}
