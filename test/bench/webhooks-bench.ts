import { ReceiversProcess } from '../support/receivers-process.js';
import type { BenchRun } from './bench-run.js';
import { startBenchStack } from './bench-stack.js';
import { measureDeliveryLatency, measureRelay } from './webhooks-latency.js';
import { measureRates } from './webhooks-rate.js';
import { WebhooksTenant } from './webhooks-tenant.js';

/** Rate and latency of webhooks, and how soon an event can be read. */
export async function webhooksBench(run: BenchRun): Promise<void> {
  const server = await run.postgres();
  const stack = await startBenchStack(run, {
    database: await run.database(server),
    withoutNode: true,
    apiEnv: { ALLOW_PRIVATE_WEBHOOK_URLS: 'true' },
  });
  const receivers = await ReceiversProcess.start();
  run.defer('the receivers', () => receivers.close());
  const tenant = await WebhooksTenant.create(run, stack);
  const parts = { tenant, receivers, pids: { api: stack.api.pid, postgres: server.pid } };
  await measureRelay(run, stack.baseUrl, tenant);
  await measureDeliveryLatency(run, parts);
  await measureRates(run, parts, 1, 10_000);
  await measureRates(run, parts, 50, 400);
  run.note(
    'Baseline of the rates: a loop that signs and posts the same bodies, eight at a time to each receiver, and does ' +
      'nothing else: no log, no retries, no database. Receivers are a process of their own, on the same cores. The ' +
      'first round is not counted; median of three. Bad receivers are ten of fifty: dead, hanging, slow, redirecting, ' +
      'answering a gigabyte, failing, flapping; median of three rounds in turn.',
  );
}
