import { startStack } from '../../support/stack.js';
import { ProgramCopy } from '../nemesis/program-copy.js';
import { RestartablePostgres } from '../nemesis/restartable-parts.js';
import { teller } from '../nemesis/run-report.js';
import type { FaultOptions } from '../options.js';
import { FLOOD_ENV, tenantOf } from './flood-tenant.js';
import { floodWebhooks } from './webhook-flood.js';

/** `npm run faults -- webhooks [--events 100000] [--webhooks 50] [--kills 5]`. */
export async function run(options: FaultOptions): Promise<number> {
  const tell = teller();
  const wish = {
    tell,
    events: options.number('events', 100_000, { min: 1 }),
    webhooks: options.number('webhooks', 50, { min: 1, max: 100 }),
    kills: options.number('kills', 5, { max: 100 }),
    everyBad: 5,
    deadlineMs: 3_600_000,
  };
  const copy = await ProgramCopy.make('webhooks');
  const postgres = await RestartablePostgres.start();
  try {
    const database = await postgres.database();
    const stack = await startStack({
      profile: '2026-09',
      withoutNode: true,
      database,
      programs: copy.programs,
      apiEnv: FLOOD_ENV,
    });
    try {
      const { client, tenantId } = await tenantOf(stack);
      const result = await floodWebhooks(stack, client, tenantId, wish);
      tell(JSON.stringify(result, null, 2));
      tell(`${String(Math.round((result.posts * 1_000) / result.tookMs))} posts a second`);
      return Object.keys(result.missing).length === 0 && result.holes === 0 ? 0 : 1;
    } finally {
      await stack.close();
    }
  } finally {
    await postgres.stop();
    await copy.remove();
  }
}
