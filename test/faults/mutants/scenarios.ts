import { setTimeout as delay } from 'node:timers/promises';
import { InboundBurst } from '../nemesis/inbound-burst.js';
import type { Scene } from './scene.js';

export type Scenario = (scene: Scene) => Promise<void>;

const SHORT_LIFE_MS = 1_500;
/** The people of a scene read what they get after a while; nothing higher comes then. */
const READ_ACK = 3;

/** Sends that the page answers wrongly, or not at all, after the message has left. */
export async function doubtfulSends(scene: Scene): Promise<void> {
  for (const kind of ['sendThrowsAfterHandOver', 'sendReturnsUndefined', 'sendThrowsAfterHandOver']) {
    await scene.fault(kind, { times: 1 });
    await scene.sender.send({});
    await scene.settled();
  }
}

/** The browser dies right after a message has left; when it is back, more is sent. */
export async function crashAfterHandOver(scene: Scene): Promise<void> {
  for (let round = 0; round < 2; round += 1) {
    await scene.fault('rendererCrash', { when: 'afterHandOver', times: 1 });
    await Promise.all(scene.people.map((to) => scene.sender.send({ to })));
    await delay(1_000);
    await scene.connected();
    await scene.settled();
  }
}

/**
 * The api dies while the page does not answer a send that has left, and WhatsApp's server says nothing of it either: an
 * ack would prove that it left. The node starts anew, so that nothing waits behind the send without an answer.
 */
export async function killApiDuringSend(scene: Scene): Promise<void> {
  await scene.fault('noAck', { times: 2 });
  await scene.fault('sendNeverSettles', { times: 2 });
  await scene.sender.send({ to: scene.people[0] ?? '' });
  await scene.sender.send({ to: scene.people[1] ?? '' });
  await scene.handedOver(2);
  await scene.nemesis.strike('kill api');
  await scene.whileNodeIsAway(() => Promise.resolve());
  await scene.settled();
}

/** The database dies under load, again and again. */
export async function crashDatabaseUnderLoad(scene: Scene): Promise<void> {
  for (let round = 0; round < 3; round += 1) {
    const load = Promise.all(
      Array.from({ length: 8 }, async () => {
        for (let left = 25; left > 0; left -= 1) await scene.sender.send({});
      }),
    );
    await delay(60);
    await scene.nemesis.strike('crash database');
    await load;
  }
}

/** Equal requests at the same moment, and one key for different requests. */
export async function sameKeys(scene: Scene): Promise<void> {
  for (let round = 0; round < 8; round += 1) {
    const sent = scene.sender.keyed();
    await Promise.all(Array.from({ length: 6 }, () => scene.sender.post(sent)));
    await scene.sender.post({ ...scene.sender.wish({}), idempotencyKey: sent.idempotencyKey });
  }
}

/**
 * WhatsApp says again what it said before, to a node that has forgotten that it knows better: it reads everything again
 * at its start, chat by chat, and what came in meanwhile last. Then somebody looks.
 */
export async function shuffledAcks(scene: Scene): Promise<void> {
  for (const to of scene.people) await scene.sender.send({ to });
  await scene.settled();
  await scene.acknowledged(READ_ACK, scene.people.length);
  await scene.lookAtAll();
  await scene.whileNodeIsAway(async () => {
    await scene.ackAll(0);
    await scene.ackAll(1);
    await scene.receive('while the node was away');
  });
  await scene.recorded('while the node was away');
  await scene.lookAtAll();
}

/** Messages that WhatsApp takes and never acknowledges. */
export async function noAcks(scene: Scene): Promise<void> {
  await scene.fault('noAck', { times: 2 });
  await scene.sender.send({});
  await scene.sender.send({});
  await scene.sender.send({});
  await scene.settled();
}

/** Messages with a short life wait while the node is away. */
export async function expiries(scene: Scene): Promise<void> {
  await scene.whileNodeIsAway(async () => {
    for (const to of scene.people) await scene.sender.send({ to, expiresAtMs: Date.now() + SHORT_LIFE_MS });
    await delay(SHORT_LIFE_MS * 2);
  });
  await scene.settled();
}

/** A queue of one chat, filled while the node is away. */
export async function queueOfOneChat(scene: Scene): Promise<void> {
  const [to = ''] = scene.people;
  await scene.whileNodeIsAway(async () => {
    for (let left = 12; left > 0; left -= 1) await scene.sender.send({ to });
  });
  await scene.settled();
}

/** Sends that fail before anything left, with more of the same chat behind them. */
export async function retriesInOneChat(scene: Scene): Promise<void> {
  const [to = ''] = scene.people;
  for (let round = 0; round < 3; round += 1) {
    await scene.fault('sendThrowsBeforeId', { times: 1 });
    for (let left = 6; left > 0; left -= 1) await scene.sender.send({ to });
    await scene.settled();
  }
}

export async function cancellations(scene: Scene): Promise<void> {
  for (let left = 60; left > 0; left -= 1) await scene.sender.sendAndCancel(left % 20);
}

/** Files out, and files in of which one comes with other bytes at first. */
export async function files(scene: Scene): Promise<void> {
  await scene.fault('wrongHash', { times: 1 });
  for (let number = 0; number < 3; number += 1) {
    await scene.receive(`picture ${String(number)}`, Buffer.alloc(5_000, number));
    await scene.sender.sendFile();
  }
}

/** Much comes in while api and node die. */
export async function inboundUnderKills(scene: Scene): Promise<void> {
  const burst = new InboundBurst(scene.run, 400);
  const load = burst.work();
  await burst.reached(60);
  await scene.nemesis.strike('kill api');
  await burst.reached(200);
  await scene.nemesis.strike('kill node');
  await load;
}

/** Only the api is away: nothing else makes the node read again what it has read. */
export async function inboundWithoutApi(scene: Scene): Promise<void> {
  await scene.faults.stack.api.kill();
  await new InboundBurst(scene.run, 60).work();
  await delay(3_000);
  await scene.faults.stack.api.start();
}

export async function edits(scene: Scene): Promise<void> {
  const id = await scene.receive('as it was first');
  await scene.recorded('as it was first');
  await scene.faults.stack.simulated.post(`/messages/${id}/edit`, { body: 'as it is now' });
}

/** One tenant asks for another's, and two tenants' events are written at the same time. */
export async function twoTenants(scene: Scene): Promise<void> {
  for (let round = 0; round < 5; round += 1) {
    await Promise.all([
      scene.sender.send({}),
      scene.otherSender.send({}),
      scene.receive(`hello ${String(round)}`),
    ]);
  }
  const [id = ''] = scene.sender.accepted;
  const { client } = scene.otherSender;
  await client.request('GET', `/messages/${id}`, { kind: 'probe', target: id });
  await client.request('POST', `/messages/${id}/cancel`, { kind: 'probe', target: id }, {});
}

export async function plainSends(scene: Scene): Promise<void> {
  for (const to of scene.people) await scene.sender.send({ to });
  await scene.settled();
}

/** A key that works is revoked and tried again when the longest time for that is over. */
export async function revokedKey(scene: Scene): Promise<void> {
  const { client, keyId } = await scene.makeKey();
  await client.request('GET', '/messages', { kind: 'list' });
  await scene.sender.client.request('DELETE', `/api-keys/${keyId}`, { kind: 'revokeKey', target: keyId });
  for (let left = 8; left > 0; left -= 1) {
    await client.request('GET', '/messages', { kind: 'list' });
    await delay(1_000);
  }
}
