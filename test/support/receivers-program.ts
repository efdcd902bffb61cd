import { FloodReceivers } from './flood-receivers.js';

/** Receivers in a process of their own: answers each message `{ id, ask }` with `{ id, answer }`, and ends with its parent. */
const receivers = await FloodReceivers.start();
const answers: Record<string, () => Promise<unknown>> = {
  report: () => receivers.report(),
  takeLatencies: () => receivers.takeLatencies(),
};

process.on('message', ({ id, ask }: { id: number; ask: string }) => {
  void answers[ask]?.().then((answer) => process.send?.({ id, answer }));
});
process.on('disconnect', () => process.exit(0));
process.send?.({ id: 0, answer: receivers.port });
