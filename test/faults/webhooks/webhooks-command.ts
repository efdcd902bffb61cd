import { ReceiversProcess } from '../../support/receivers-process.js';
import { startStack } from '../../support/stack.js';
import { ProgramCopy } from '../nemesis/program-copy.js';
import { RestartablePostgres } from '../nemesis/restartable-parts.js';
import { teller } from '../nemesis/run-report.js';
import type { FaultOptions } from '../options.js';
import { FLOOD_ENV, FloodTenant } from './flood-tenant.js';
import { WebhookFlood, type FloodResult, type FloodWish } from './webhook-flood.js';

const EVERY_BAD = 5;

/** `npm run faults -- webhooks [--events 100000] [--webhooks 50] [--kills 5] [--calm 400] [--seed 1]`. */
export async function run(options: FaultOptions): Promise<number> {
  const tell = teller();
  const webhooks = options.number('webhooks', 50, { min: 1, max: 100 });
  const bad = Math.floor(webhooks / EVERY_BAD);
  const wish: FloodWish = {
    bad,
    healthy: webhooks - bad,
    events: options.number('events', 100_000, { min: 1 }),
    kills: options.number('kills', 5, { max: 100 }),
    calmEvents: options.number('calm', 400, { min: 1, max: 10_000 }),
    seed: options.number('seed', 1),
    deadlineMs: 3_600_000,
    tell,
  };
  const copy = await ProgramCopy.make('webhooks');
  const postgres = await RestartablePostgres.start();
  try {
    const result = await flood(wish, copy.programs, await postgres.database());
    tell(JSON.stringify(result, null, 2));
    tell(`${String(Math.round((result.posts * 1_000) / result.tookMs))} posts a second`);
    return isClean(result) ? 0 : 1;
  } finally {
    await postgres.stop();
    await copy.remove();
  }
}

async function flood(
  wish: FloodWish,
  programs: string,
  database: Awaited<ReturnType<RestartablePostgres['database']>>,
): Promise<FloodResult> {
  const stack = await startStack({
    profile: '2026-09',
    withoutNode: true,
    database,
    programs,
    apiEnv: FLOOD_ENV,
  });
  try {
    const tenant = await FloodTenant.start(stack, programs);
    const receivers = await ReceiversProcess.start();
    try {
      return await new WebhookFlood(tenant, receivers, wish).run();
    } finally {
      await receivers.close();
      await tenant.close();
    }
  } finally {
    await stack.close();
  }
}

function isClean({ missing, holes, streams, lastSeq }: FloodResult): boolean {
  const isStreamWhole = streams.every(({ seen, wrong }) => seen === lastSeq && wrong === 0);
  return Object.keys(missing).length === 0 && holes === 0 && isStreamWhole;
}
