import { equal } from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { browserPid } from '../../support/browser-pid.js';
import { waitFor } from '../../support/wait-for.js';
import { InboundTraffic } from './inbound-traffic.js';
import { MediaTraffic } from './media-traffic.js';
import { JITTER } from './outbound-scenarios.js';
import type { Part } from './kill-stack.js';
import type { Round, RoundContext, Scenario } from './scenario.js';
import type { FailpointName } from '#runtime';

/** People write while a process dies at a point. */
async function killWhileReceiving(part: Part, point: FailpointName, context: RoundContext): Promise<Round> {
  const { target, seed, pick } = context;
  const traffic = await InboundTraffic.prepare(context, 20);
  await target.arm(part, `${point}=kill@${String(pick(2))}${JITTER},seed=${String(seed)}`);
  await traffic.push(10);
  await delay(50);
  const pushing = traffic.push();
  await target.restartAfterDeathAt(part, point);
  await pushing;
  await target.connected();
  await traffic.calm();
  return traffic;
}

const K15: Scenario = {
  name: 'K15',
  what: 'after the event, before the insert (node, or api within its transaction): every message has its one row',
  failpoints: ['node.events.before-post', 'api.intake.before-commit'],
  run: (context) =>
    context.number % 2 === 1
      ? killWhileReceiving('node', 'node.events.before-post', context)
      : killWhileReceiving('api', 'api.intake.before-commit', context),
};

const K16: Scenario = {
  name: 'K16',
  what: 'after the insert, before anybody is told (api, or node before its cursor moves): one row, one event each',
  failpoints: ['api.intake.after-commit', 'node.events.after-post'],
  run: (context) =>
    context.number % 2 === 1
      ? killWhileReceiving('api', 'api.intake.after-commit', context)
      : killWhileReceiving('node', 'node.events.after-post', context),
};

const K17: Scenario = {
  name: 'K17',
  what: 'browser killed while it syncs what came in meanwhile',
  failpoints: [],
  async run(context) {
    const { target, random } = context;
    const traffic = await InboundTraffic.prepare(context, 60, 3);
    const first = await browserPid(target.stack, target.session.id);
    await target.killBrowser();
    await traffic.push();
    await waitFor(async () => (await browserPid(target.stack, target.session.id)) !== first, {
      what: 'the next browser',
      deadlineMs: 120_000,
    });
    // Its sync begins when the first message arrives in its store.
    await waitFor(async () => (await traffic.delivered()) > 0, {
      what: 'the sync',
      deadlineMs: 120_000,
      pollMs: 2,
    });
    await delay(random() * 20);
    await target.killBrowser();
    await traffic.calm();
    await target.connected();
    return traffic;
  },
};

const K18: Scenario = {
  name: 'K18',
  what: 'an orphan browser takes in 100 messages (its node hangs, then dies): all recorded after the restart',
  failpoints: [],
  async run(context) {
    const { target, random } = context;
    const traffic = await InboundTraffic.prepare(context, 100, 5);
    process.kill(target.stack.node.pid, 'SIGSTOP');
    await traffic.push();
    await waitFor(async () => (await traffic.delivered()) === 100, {
      what: 'the orphan to take in what was sent',
      deadlineMs: 60_000,
    });
    await delay(random() * 5_000);
    await target.stack.node.kill();
    await target.stack.node.start();
    await target.connected();
    await traffic.calm();
    return traffic;
  },
};

const K19: Scenario = {
  name: 'K19',
  what: 'object store down while media arrives: recorded at once, stored with the right hash when it is back',
  failpoints: [],
  async run(context) {
    const { target, random } = context;
    const traffic = await MediaTraffic.prepare(context, 5);
    target.objectStore.cut();
    try {
      await traffic.push();
      await traffic.recorded();
      await delay(1_000 + random() * 7_000);
      equal(await traffic.countStored(), 0, 'a file was stored while the store was away');
    } finally {
      target.objectStore.mend();
    }
    return traffic;
  },
};

const K20: Scenario = {
  name: 'K20',
  what: 'api down while 1,000 messages arrive',
  failpoints: [],
  async run(context) {
    const { target } = context;
    const traffic = await InboundTraffic.prepare(context, 1_000, 10);
    await target.stack.api.kill();
    await traffic.push();
    await target.stack.api.start();
    await target.connected();
    await traffic.calm();
    return traffic;
  },
};

export const INBOUND_SCENARIOS = [K15, K16, K17, K18, K19, K20];
