import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { NodeFact, SessionSnapshot } from '#contracts';
import type { TestTenant } from '../../../test/support/start-api.js';
import { eventsOf } from './inbound.js';
import { Messaging } from './messaging.js';
import { connected, snapshot } from './scripted-node.js';
import type { SessionBody } from './session-bodies.js';

let messaging: Messaging;
let tenant: TestTenant;
let session: SessionBody;

beforeAll(async () => {
  messaging = await Messaging.start();
});
afterAll(() => messaging?.close());
beforeEach(async () => {
  tenant = await messaging.api.createTenant();
  session = (await tenant.client.post<SessionBody>('/sessions', { name: 'support' })).body;
  await tenant.client.post('/sessions/support/start');
});

const state = (value: SessionSnapshot): NodeFact => ({ kind: 'session.state', snapshot: value });
const pairing = (): NodeFact => state(snapshot({ state: 'pairing', reason: 'scan_qr', action: 'scan_qr' }));
const qr = (attempt: number) => ({
  kind: 'session.qr' as const,
  attempt,
  expiresAt: new Date(Date.now() + attempt * 20_000).toISOString(),
});
const report = (...facts: NodeFact[]) => messaging.report(session.id, ...facts);
const told = async () =>
  (await eventsOf(messaging.api, tenant.tenantId, 'session.qr')).map(({ data }) => data);

describe('session.qr', () => {
  it('tells of each new code where it is and until when, and never the code', async () => {
    const first = qr(1);
    const second = qr(2);
    await report(pairing(), first);
    await report(second);
    const url = `/api/v1/sessions/${session.id}/qr`;
    expect(await told()).toEqual(
      [first, second].map(({ attempt, expiresAt }) => ({ attempt, expiresAt, url })),
    );
  });

  it('tells a code once, however often the node reports it, also after another one', async () => {
    const first = qr(1);
    const second = qr(2);
    await report(pairing(), first);
    await report(pairing(), first);
    await Promise.all([report(second), report(first, second), report(second)]);
    await report(first, second);
    expect((await told()).map(({ attempt }) => attempt)).toEqual([1, 2]);
  });

  it('tells a next code that expires before the one it replaces', async () => {
    const first = { ...qr(1), expiresAt: new Date(Date.now() + 60_000).toISOString() };
    const second = qr(2);
    await report(pairing(), first);
    await report(first, second);
    await report(first, second);
    expect((await told()).map(({ attempt }) => attempt)).toEqual([1, 2]);
  });

  it('tells only the newest of those that come at once', async () => {
    await report(pairing(), qr(1), qr(2), qr(3));
    expect((await told()).map(({ attempt }) => attempt)).toEqual([3]);
  });

  it('tells nothing of a session that is linked by then', async () => {
    await report(pairing());
    await report(qr(1), state(connected('4915187654321')));
    await report(qr(2));
    expect(await told()).toEqual([]);
  });
});
