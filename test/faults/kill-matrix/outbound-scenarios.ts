import { deepEqual, equal } from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { FailpointName } from '#runtime';
import { sentBy } from '../../support/session-steps.js';
import { waitFor } from '../../support/wait-for.js';
import { OutboundTraffic } from './outbound-traffic.js';
import type { Round, RoundContext, Scenario } from './scenario.js';

/** How long a point is held at most before the kill, by chance: what else is under way differs from round to round. */
export const JITTER = '+50ms';

/** Messages are accepted while the api dies at a point; then the client asks again for all of them. */
async function killApiAt(
  point: FailpointName,
  plan: string,
  context: RoundContext,
): Promise<OutboundTraffic> {
  const { target } = context;
  const traffic = await OutboundTraffic.prepare(context);
  await target.arm('api', plan);
  const posting = traffic.post();
  await target.restartAfterDeathAt('api', point);
  await posting;
  return traffic;
}

/** Messages are accepted, and the node dies at a point when the first of them reach it. */
async function killNodeAt(point: FailpointName, context: RoundContext): Promise<Round> {
  const { target, seed, pick } = context;
  const traffic = await OutboundTraffic.prepare(context);
  await target.arm('node', `${point}=kill@${String(pick(4))}${JITTER},seed=${String(seed)}`);
  await traffic.post();
  await target.restartAfterDeathAt('node', point);
  await target.connected();
  await traffic.calm();
  return traffic;
}

/** The page stands still at a point of its send, and its browser is killed there. */
async function killBrowserWhileHanging(
  when: 'send' | 'afterHandOver',
  context: RoundContext,
): Promise<Round> {
  const { target, random } = context;
  const traffic = await OutboundTraffic.prepare(context, 3);
  await target.stack.simulated.post('/faults', {
    kind: 'hang',
    phone: target.phone,
    times: 1,
    when,
    ms: 120_000,
  });
  await traffic.post();
  await target.waitForFault();
  await delay(random() * 50);
  await target.killBrowser();
  await traffic.calm();
  await target.connected();
  return traffic;
}

const K1: Scenario = {
  name: 'K1',
  what: 'api before COMMIT: no 202, no row; the same key again gives one message',
  failpoints: ['api.accept.before-commit'],
  async run(context) {
    const plan = `api.accept.before-commit=kill${JITTER},seed=${String(context.seed)}`;
    const traffic = await killApiAt('api.accept.before-commit', plan, context);
    deepEqual(await traffic.rows(), [], 'what was not committed is there');
    equal(traffic.messages.filter(({ id }) => id !== undefined).length, 0, 'a 202 came before the commit');
    await traffic.repeat();
    await traffic.calm();
    return traffic;
  },
};

const K2: Scenario = {
  name: 'K2',
  what: 'api after COMMIT, before 202: the row exists; the same key again answers the same id',
  failpoints: ['api.accept.after-commit'],
  async run(context) {
    const plan = `api.accept.after-commit=kill${JITTER},seed=${String(context.seed)}`;
    const traffic = await killApiAt('api.accept.after-commit', plan, context);
    const stored = await traffic.rows();
    equal(stored.length > 0, true, 'what was committed is not there');
    await traffic.repeat();
    for (const { id, text } of stored)
      equal(traffic.messages.find((message) => message.text === text)?.id, id, 'another message was made');
    await traffic.calm();
    return traffic;
  },
};

const K3: Scenario = {
  name: 'K3',
  what: 'api after the claim, before it calls the node: dispatched once, within 30 s',
  failpoints: ['api.dispatch.before-call'],
  async run(context) {
    const plan = `api.dispatch.before-call=kill@${String(context.pick(3))}${JITTER},seed=${String(context.seed)}`;
    const traffic = await killApiAt('api.dispatch.before-call', plan, context);
    await traffic.repeat();
    const ended = await traffic.ended();
    // One whose time was over before the first look, on a slow machine, was never put to the node.
    const unknown = ended.filter(({ status, looked }) => status === 'unknown_final' && looked);
    deepEqual(unknown, [], 'the node did not prove what it was never asked');
    return traffic;
  },
};

const K4: Scenario = {
  name: 'K4',
  what: 'node before an attempt is committed: never handed over, and safely dispatched again',
  failpoints: ['api.dispatch.before-claim'],
  async run(context) {
    const { target, random } = context;
    const traffic = await OutboundTraffic.prepare(context);
    await target.arm('api', 'api.dispatch.before-claim=pause');
    await traffic.post();
    await target.waitForHit('api', 'api.dispatch.before-claim');
    await delay(random() * 50);
    await target.stack.node.kill();
    await target.disarm('api');
    await target.stack.node.start();
    await target.connected();
    await traffic.calm();
    const unknown = (await traffic.rows()).filter(({ status }) => status === 'unknown');
    deepEqual(unknown, [], 'what never reached the node is not known');
    return traffic;
  },
};

const K5: Scenario = {
  name: 'K5',
  what: 'node after the attempt is committed, before the page is asked: dispatched again if proven unsent, else unknown',
  failpoints: ['node.send.before-hand-over'],
  run: (context) => killNodeAt('node.send.before-hand-over', context),
};

const K6: Scenario = {
  name: 'K6',
  what: 'browser between the id taken and the hand-over: unknown, looked up, never sent again',
  failpoints: [],
  run: (context) => killBrowserWhileHanging('send', context),
};

const K7: Scenario = {
  name: 'K7',
  what: 'node after the hand-over, before the result is stored: found in the chat, sent',
  failpoints: ['node.send.after-hand-over'],
  run: (context) => killNodeAt('node.send.after-hand-over', context),
};

const K8: Scenario = {
  name: 'K8',
  what: 'browser after the hand-over, with ack 0: found, waited for, sent; once at the witness',
  failpoints: [],
  async run(context) {
    const { simulated } = context.target.stack;
    await simulated.post('/faults', { kind: 'ackDelayMs', phone: context.target.phone, ms: 5_000 });
    try {
      return await killBrowserWhileHanging('afterHandOver', context);
    } finally {
      await simulated.request('DELETE', '/faults');
    }
  },
};

/** One message, handed over, whose ack comes when the test says so. */
export async function handOverWithoutAck(context: RoundContext) {
  const { target } = context;
  const traffic = await OutboundTraffic.prepare(context, 1, 1);
  await target.stack.simulated.post('/faults', { kind: 'noAck', phone: target.phone, times: 1 });
  await traffic.post();
  const sent = await waitFor(
    async () => {
      const [row] = await target.query<{ id: string }>(
        `SELECT m.id FROM messages m JOIN message_attempts a ON a.tenant_id = m.tenant_id AND a.message_id = m.id
         WHERE m.id = $1 AND a.outcome = 'handed'`,
        [traffic.messages[0]?.id],
      );
      const handed = await sentBy(target.stack, target.phone);
      return row && handed.find(({ body }) => body === traffic.messages[0]?.text);
    },
    { what: 'the message to be handed over', deadlineMs: 60_000 },
  );
  // What the page says of its own message (that it is there) is told apart from the ack that follows.
  await delay(300);
  return { traffic, ack: () => target.stack.simulated.post(`/messages/${sent.waMessageId}/ack`, { ack: 1 }) };
}

const K9: Scenario = {
  name: 'K9',
  what: 'node after the event of an ack, before it is written: the sweep reads the ack again',
  failpoints: ['node.events.before-post'],
  async run(context) {
    const { target, seed } = context;
    const { traffic, ack } = await handOverWithoutAck(context);
    await target.arm('node', `node.events.before-post=kill${JITTER},seed=${String(seed)}`);
    await ack();
    await target.restartAfterDeathAt('node', 'node.events.before-post');
    await target.connected();
    await traffic.calm();
    return traffic;
  },
};

const K10: Scenario = {
  name: 'K10',
  what: 'database down between hand-over and write (every second time the node dies as well): written later, or found',
  failpoints: ['api.result.before-write'],
  async run(context) {
    const { target, number, random } = context;
    const traffic = await OutboundTraffic.prepare(context);
    await target.arm('api', 'api.result.before-write=pause');
    await traffic.post();
    await target.waitForHit('api', 'api.result.before-write');
    await delay(random() * 50);
    await target.postgres.kill();
    if (number % 2 === 0) await target.stack.node.kill();
    await target.disarm('api');
    await delay(random() * 1_000);
    await target.postgres.startAgain();
    if (number % 2 === 0) await target.stack.node.start();
    await target.connected();
    await traffic.calm();
    return traffic;
  },
};

export const OUTBOUND_SCENARIOS = [K1, K2, K3, K4, K5, K6, K7, K8, K9, K10];
