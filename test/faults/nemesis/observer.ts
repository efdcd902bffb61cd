import type { FaultsTenant } from './faults-stack.js';
import { resume } from './wait-until-quiet.js';
import type { WorkloadRun } from './workload-run.js';

const LOOK_EVERY_MS = 700;
/** With every so-manieth look it resumes what was paused because too much went wrong. */
const RESUMED_EACH = 5;
const LOOKED_AT = 100;
const PER_PAGE = 100;

/** A client of a tenant that looks at its newest messages, and resumes what was paused, for as long as the run lasts. */
export async function observe(run: WorkloadRun, { id, client }: FaultsTenant): Promise<void> {
  const own = run.faults.sessions.filter(({ tenant }) => tenant.id === id);
  for (let looks = 0; !run.isOver; looks += 1) {
    if (looks % RESUMED_EACH === 0) for (const session of own) await resume(session);
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
