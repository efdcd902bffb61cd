import { setTimeout as delay } from 'node:timers/promises';
import type { FaultsSession, FaultsStack } from './faults-stack.js';

const LOOK_EVERY_MS = 500;
/** It has to stay quiet for this long: late acks and their look-ups come in rounds. */
const QUIET_LOOKS = 6;

/**
 * Waits until nothing is under way any more: no message without an end, no file that waits, no event without a number,
 * and nothing new that came in. A deadline that passes is told and is no failure here: the checker says what is wrong.
 */
export async function waitUntilQuiet(
  faults: FaultsStack,
  deadlineMs: number,
  tell: (text: string) => void,
): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  let quietLooks = 0;
  let last = '';
  while (quietLooks < QUIET_LOOKS) {
    await delay(LOOK_EVERY_MS);
    for (const session of faults.sessions) await resume(session);
    const work = await faults.database.openWork();
    const expected = await expectedInbound(faults);
    const isQuiet = work.open + work.files + work.unnumbered === 0 && work.received >= expected;
    const now = JSON.stringify(work);
    quietLooks = isQuiet && (await areConnected(faults)) && now === last ? quietLooks + 1 : 0;
    last = now;
    if (performance.now() < deadline) continue;
    tell(`not quiet after ${String(deadlineMs / 1000)} s: ${now}, expected ${String(expected)} to come in`);
    return;
  }
}

/** What an owner does whose session was paused because too much went wrong in it. */
export async function resume({ id, tenant }: FaultsSession): Promise<void> {
  await tenant.client.request('POST', `/sessions/${id}/resume`, { kind: 'other' }, {});
}

async function expectedInbound({ stack, sessions }: FaultsStack): Promise<number> {
  const phones = new Set(sessions.map(({ phone }) => phone));
  const { body } = await stack.simulated.get<{ to: string }[]>('/messages?limit=100000');
  return body.filter(({ to }) => phones.has(to)).length;
}

async function areConnected({ sessions }: FaultsStack): Promise<boolean> {
  for (const { id, tenant } of sessions) {
    const { body } = await tenant.client.request('GET', `/sessions/${id}`, { kind: 'other' });
    if ((Object(body) as { state?: string }).state !== 'connected') return false;
  }
  return true;
}
