import type { FaultsTenant } from './faults-stack.js';
import type { WorkloadRun } from './workload-run.js';

const LOOK_EVERY_MS = 700;
const LOOKED_AT = 100;
const PER_PAGE = 100;

/** A client of a tenant that does nothing but look at its newest messages, for as long as the run lasts. */
export async function observe(run: WorkloadRun, { client }: FaultsTenant): Promise<void> {
  while (!run.isOver) {
    await client.request('GET', `/messages?direction=out&limit=${String(LOOKED_AT)}`, { kind: 'list' });
    await run.pause(LOOK_EVERY_MS);
  }
}

/** Reads all messages of a tenant, page by page. */
export async function readEverything({ client }: FaultsTenant): Promise<void> {
  for (let cursor: string | undefined = ''; cursor !== undefined;) {
    const path = `/messages?limit=${String(PER_PAGE)}${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`;
    const { body } = await client.request('GET', path, { kind: 'list' });
    const { nextCursor } = Object(body) as { nextCursor?: string | null };
    cursor = nextCursor ?? undefined;
  }
}
