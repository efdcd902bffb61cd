import { setTimeout as delay } from 'node:timers/promises';
import { waitFor } from '../../support/wait-for.js';
import type { KillStack } from './kill-stack.js';
import { JITTER, handOverWithoutAck } from './outbound-scenarios.js';
import { OutboundTraffic } from './outbound-traffic.js';
import type { Round, Scenario, Verdict } from './scenario.js';

/** A tenant's whole event log, once all of it is numbered. */
async function readLog(target: KillStack) {
  return waitFor(
    async () => {
      const events = await target.query<{ seq: string | null; type: string; messageId: string | null }>(
        `SELECT seq::text, type, data ->> 'messageId' AS "messageId" FROM events
         WHERE tenant_id = (SELECT tenant_id FROM sessions WHERE id = $1) ORDER BY events.seq`,
        [target.session.id],
      );
      return events.every(({ seq }) => seq !== null) && events;
    },
    { what: 'every event to be numbered', deadlineMs: 60_000, pollMs: 100 },
  );
}

/** Numbers of the log that are missing or given twice. */
function countHoles(events: { seq: string | null }[]): number {
  return events.filter(({ seq }, index) => Number(seq) !== index + 1).length;
}

/** Counts a message's events beside what the traffic counts itself. */
export function withEvents(target: KillStack, traffic: OutboundTraffic): Round {
  return {
    async verify(): Promise<Verdict> {
      const verdict = await traffic.verify();
      const left = new Set(
        (await traffic.rows()).filter(({ status }) => status === 'sent').map(({ id }) => id),
      );
      const log = await readLog(target);
      const told = log.filter(({ type, messageId }) => type === 'message.sent' && left.has(messageId ?? ''));
      const distinct = new Set(told.map(({ messageId }) => messageId)).size;
      return {
        ...verdict,
        lost: verdict.lost + left.size - distinct + countHoles(log),
        doubled: verdict.doubled + told.length - distinct,
      };
    },
  };
}

const K11: Scenario = {
  name: 'K11',
  what: 'api after an ack is committed, before anybody is told: its event is in the log, once, without a hole',
  failpoints: ['api.intake.after-commit'],
  async run(context) {
    const { target, seed } = context;
    const { traffic, ack } = await handOverWithoutAck(context);
    await target.arm('api', `api.intake.after-commit=kill${JITTER},seed=${String(seed)}`);
    await ack();
    await target.restartAfterDeathAt('api', 'api.intake.after-commit');
    await traffic.calm();
    return withEvents(target, traffic);
  },
};

const K12: Scenario = {
  name: 'K12',
  what: 'api after it has numbered events, before that is committed: numbered again, once, without a hole',
  failpoints: ['api.relay.before-commit'],
  async run(context) {
    const { target, seed, random } = context;
    const traffic = await OutboundTraffic.prepare(context);
    await target.arm('api', `api.relay.before-commit=kill${JITTER},seed=${String(seed)}`);
    const posting = traffic.post();
    await delay(random() * 50);
    await target.restartAfterDeathAt('api', 'api.relay.before-commit');
    await posting;
    await traffic.repeat();
    await traffic.calm();
    return withEvents(target, traffic);
  },
};

export const EVENT_SCENARIOS = [K11, K12];
