import { deepEqual, equal } from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { signRequest } from '#runtime';
import { waitFor } from '../../support/wait-for.js';
import { InboundTraffic } from './inbound-traffic.js';
import type { KillStack } from './kill-stack.js';
import { OutboundTraffic } from './outbound-traffic.js';
import { familyOf, signalAll } from './process-family.js';
import { sum, type Round, type RoundContext, type Scenario } from './scenario.js';
import { copyProfile, firstNode, hasBrowser, startSecondNode, type NodeHost } from './second-node.js';

interface Placed {
  tenantId: string;
  epoch: number;
}

function both(one: Round, other: Round): Round {
  return { verify: async () => sum(await one.verify(), await other.verify()) };
}

/** Gives the session to another node, as after the loss of a machine. Resolves with the epoch before. */
async function takeOver(target: KillStack, to: NodeHost): Promise<Placed> {
  const { id } = target.session;
  const [before] = await target.query<Placed & object>(
    'SELECT tenant_id AS "tenantId", epoch::int FROM sessions WHERE id = $1',
    [id],
  );
  await target.query(
    `UPDATE sessions SET node_name = $2, epoch = epoch + 1, reported_since = NULL, state = 'starting',
       reason = 'launching', since = now() WHERE id = $1`,
    [id, to.name],
  );
  if (!before) throw new Error('the session is gone');
  return before;
}

/** What a node with an old epoch would report. Resolves with the sessions that the api calls stale. */
async function reportAs(target: KillStack, node: NodeHost, { tenantId, epoch }: Placed): Promise<string[]> {
  const chatId = `${target.phone}@c.us`;
  const fact = {
    kind: 'message.ack',
    waKey: `true_${chatId}_STALE`,
    waMessageId: 'STALE',
    chatId,
    ack: 1,
    at: new Date().toISOString(),
  };
  const body = JSON.stringify({
    nodeName: node.name,
    events: [{ tenantId, sessionId: target.session.id, epoch, fact }],
  });
  const path = '/internal/events';
  const response = await fetch(target.stack.baseUrl + path, {
    method: 'POST',
    body,
    headers: {
      'content-type': 'application/json',
      ...signRequest(target.internalSecret, { method: 'POST', path, body }),
    },
    signal: AbortSignal.timeout(15_000),
  });
  equal(response.status, 200);
  return ((await response.json()) as { staleSessions: string[] }).staleSessions;
}

/** A machine stands still, another takes its session over, and then the first one goes on. */
async function freezeAndReplace(context: RoundContext, from: NodeHost, to: NodeHost): Promise<Round> {
  const { target } = context;
  const { id } = target.session;
  const outbound = await OutboundTraffic.prepare({ ...context, tag: `${context.tag} ${to.name}` });
  const inbound = await InboundTraffic.prepare({ ...context, tag: `${context.tag} ${to.name}` }, 12);
  const frozen = await familyOf(from.part.pid);
  signalAll(frozen, 'SIGSTOP');
  try {
    await inbound.push(4);
    await copyProfile(id, from, to);
    const before = await takeOver(target, to);
    await target.connected();
    await inbound.push(4);
    deepEqual(await reportAs(target, from, before), [id], 'the api believed a node of an old epoch');
    await delay(context.random() * 500);
  } finally {
    signalAll(frozen, 'SIGCONT');
  }
  await Promise.all([outbound.post(), inbound.push()]);
  await waitFor(async () => !(await hasBrowser(id, from)), {
    what: 'the browser of the old node to be gone',
    deadlineMs: 90_000,
    pollMs: 250,
  });
  await target.connected();
  await Promise.all([outbound.calm(), inbound.calm()]);
  return both(outbound, inbound);
}

let second: { target: KillStack; node: NodeHost } | undefined;

async function secondNode(target: KillStack): Promise<NodeHost> {
  if (second?.target !== target) {
    const node = await startSecondNode(target);
    target.defer(() => node.part.stop());
    second = { target, node };
  }
  return second.node;
}

const K13: Scenario = {
  name: 'K13',
  what: "two nodes believe they own the session: the old one's reports are refused and its browser ends (there and back)",
  failpoints: [],
  async run(context) {
    const first = firstNode(context.target);
    const other = await secondNode(context.target);
    const there = await freezeAndReplace(context, first, other);
    return both(there, await freezeAndReplace(context, other, first));
  },
};

const K14: Scenario = {
  name: 'K14',
  what: 'everything at once (api, node, browser, Postgres with fsync): P1, P3 and P8 hold',
  failpoints: [],
  async run(context) {
    const { target, random } = context;
    const outbound = await OutboundTraffic.prepare(context, 12);
    const inbound = await InboundTraffic.prepare(context, 12);
    const parts = [target.stack.api.pid, target.stack.node.pid, target.postgres.pid];
    const families = (await Promise.all(parts.map(familyOf))).flat();
    const traffic = Promise.all([outbound.post(), inbound.push()]);
    await delay(random() * 200);
    signalAll(families, 'SIGKILL');
    await target.postgres.kill();
    await Promise.all([target.stack.api.ended(), target.stack.node.ended(), traffic]);
    await target.postgres.startAgain();
    await target.stack.api.start();
    await target.stack.node.start();
    await target.connected();
    await outbound.repeat();
    await Promise.all([outbound.calm(), inbound.calm()]);
    return both(outbound, inbound);
  },
};

export const HOST_SCENARIOS = [K13, K14];
