import { startSimulator } from '../../apps/simulator/src/index.js';
import { reportOf } from './baselines/messages.js';
import { browserPath, NO_SANDBOX, WAGATE_FLAGS } from './bench-browser.js';
import type { BenchRun } from './bench-run.js';
import type { Sender } from './dispatch-plan.js';
import { PlainLibrary } from './plain-library.js';

const DEADLINE_MS = 180_000;

export async function startPlainSender(run: BenchRun, sessions: number): Promise<Sender> {
  const simulator = await startSimulator({ profile: 'classic', qrFirstMs: 240_000 });
  run.defer('the simulator', () => simulator.close());
  const plain = await PlainLibrary.start(run, {
    simulator,
    chromePath: browserPath,
    args: [...NO_SANDBOX, ...WAGATE_FLAGS],
    sessions,
  });
  const isSending = reportOf('sending');
  const isSent = reportOf('sentMany');
  return {
    simulator,
    pids: { node: plain.child.pid },
    send: async (to, body) => {
      const sending = plain.child.receive(isSending, DEADLINE_MS);
      plain.command({ kind: 'send', index: 0, to, body });
      const { atMs } = await sending;
      return { calledAtMs: atMs, acceptedAtMs: atMs };
    },
    sendMany: async ({ sessions: clients, ...order }) => {
      const sent = plain.child.receive(
        (message): message is object => isSent(message) && message.prefix === order.prefix,
        DEADLINE_MS,
      );
      plain.command({ kind: 'sendMany', clients, ...order });
      await sent;
    },
  };
}
