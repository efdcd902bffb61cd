import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { waitFor } from '../../../test/support/index.js';
import type { TestTenant } from '../../../test/support/start-api.js';
import type { MessageResource } from '../src/messages/message-resource.js';
import type { CreatedOptOut, OptOutView } from '../src/opt-outs/opt-outs.dto.js';
import { ALEX, handed, Messaging, statusOf } from './messaging.js';
import { expectProblem, type PageBody, type SessionBody } from './session-bodies.js';

const BODO = '4915112345679';
const LID = '83746582910374@lid';

let messaging: Messaging;
let tenant: TestTenant;
let session: SessionBody;
let called: { messageId: string; chatId: string; atMs: number }[];

beforeAll(async () => {
  messaging = await Messaging.start();
});
afterAll(() => messaging?.close());
beforeEach(async () => {
  ({ tenant, session } = await messaging.connect());
  called = [];
  messaging.node.scripts['message.send'] = (request) => {
    called.push({ messageId: request.messageId, chatId: request.chatId, atMs: Date.now() });
    return handed(request, 1);
  };
});

const text = (to: string, changes: object = {}) => ({
  session: session.id,
  to,
  type: 'text',
  text: 'Hi',
  ...changes,
});
const post = (to: string) => tenant.client.post<MessageResource>('/messages', text(to));
const optOut = (to: string, changes: object = {}) =>
  tenant.client.post<CreatedOptOut>('/opt-outs', { to, ...changes });
const get = async (id: string) => (await tenant.client.get<MessageResource>(`/messages/${id}`)).body;

async function send(to: string): Promise<string> {
  const { status, body } = await post(to);
  expect(status).toBe(202);
  return body.id;
}

/** As a claim meets it: the accept saw no opt-out, and the opt-out no message. */
async function optOutBehindTheBack(waId: string): Promise<void> {
  await messaging.api.database.workerSql((query) =>
    query(`INSERT INTO opt_outs (tenant_id, id, mode, wa_id) VALUES ($1, 'opt_' || $2, 'test', $3)`, [
      tenant.tenantId,
      session.id.slice(4),
      waId,
    ]),
  );
}

describe('somebody who opted out', () => {
  it('gets nothing more: a message is refused and leaves no trace, of others it is taken', async () => {
    const answer = await optOut(`+${ALEX}`, { reason: 'wrote STOP' });
    expect(answer.status).toBe(201);
    expect(answer.body).toEqual({
      id: expect.stringMatching(/^opt_[0-9a-z]{26}$/) as string,
      session: null,
      to: { id: `${ALEX}@c.us`, phone: ALEX, lid: null },
      reason: 'wrote STOP',
      createdAt: expect.any(String) as string,
      underWay: 0,
    });
    const headers = { 'Idempotency-Key': `opted-out-${session.id}` };
    const refused = await tenant.client.post('/messages', text(ALEX), headers);
    expect(expectProblem(refused, 422, 'recipient_opted_out').errors?.[0]?.path).toBe('to');
    const preview = await tenant.client.post('/messages?dryRun=true', text(ALEX));
    expectProblem(preview, 422, 'recipient_opted_out');
    await statusOf(tenant, await send(BODO), 'sent');
    expect((await tenant.client.get<PageBody<object>>('/messages')).body.data).toHaveLength(1);
    const removed = await tenant.client.request('DELETE', `/opt-outs/${answer.body.id}`);
    expect(removed.status).toBe(204);
    // The key is free: its request was refused.
    expect((await tenant.client.post('/messages', text(ALEX), headers)).status).toBe(202);
    expectProblem(await tenant.client.request('DELETE', `/opt-outs/${answer.body.id}`), 404, 'not_found');
  });

  it('is noted once, listed, and found under either id', async () => {
    const first = await optOut(ALEX);
    const again = await optOut(`${ALEX}@c.us`, { reason: 'again' });
    expect(again.body.id).toBe(first.body.id);
    await optOut(BODO, { session: session.id });
    const list = async (query = '') =>
      (await tenant.client.get<PageBody<OptOutView>>(`/opt-outs${query}`)).body.data.map(
        ({ to }) => to.phone,
      );
    expect(await list()).toEqual([BODO, ALEX]);
    expect(await list(`?to=%2B${ALEX}`)).toEqual([ALEX]);
    const page = await tenant.client.get<PageBody<OptOutView>>('/opt-outs?limit=1');
    expect(page.body.data[0]?.session).toEqual({ id: session.id, name: session.name });
    const next = encodeURIComponent(page.body.nextCursor ?? '');
    expect(await list(`?limit=1&cursor=${next}`)).toEqual([ALEX]);
    expectProblem(await optOut('nobody'), 422, 'invalid_recipient');
  });

  it('ends what waits for them, and nothing else', async () => {
    await tenant.client.post(`/sessions/${session.id}/pause`);
    const ids = [await send(ALEX), await send(BODO), await send(ALEX)];
    expect((await optOut(ALEX)).body.underWay).toBe(0);
    const shown = await Promise.all(ids.map(get));
    expect(shown.map(({ status, error }) => [status, error?.code ?? null])).toEqual([
      ['failed', 'recipient_opted_out'],
      ['queued', null],
      ['failed', 'recipient_opted_out'],
    ]);
    await tenant.client.post(`/sessions/${session.id}/resume`);
    await statusOf(tenant, ids[1] ?? '', 'sent');
    expect(called.map(({ messageId }) => messageId)).toEqual([ids[1]]);
  });

  it('is waited for where a message is being handed over; what stands behind it never leaves', async () => {
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    messaging.node.scripts['message.send'] = async (request) => {
      called.push({ messageId: request.messageId, chatId: request.chatId, atMs: Date.now() });
      await gate;
      return handed(request, 1);
    };
    const ids = [await send(ALEX), await send(ALEX), await send(ALEX), await send(ALEX)];
    await waitFor(() => Promise.resolve(called.length === 1), { what: 'the first send' });
    const answering = optOut(ALEX).then((answer) => ({ ...answer.body, atMs: Date.now() }));
    const isEnded = async (id: string) => (await get(id)).status === 'failed';
    for (const id of ids.slice(1))
      await waitFor(() => isEnded(id), { what: 'what stands behind it to fail' });
    release();
    const { underWay, atMs } = await answering;
    expect(underWay).toBe(0);
    await statusOf(tenant, ids[0] ?? '', 'sent');
    for (const { atMs: callMs } of called) expect(callMs).toBeLessThanOrEqual(atMs);
    for (const id of ids.slice(1)) expect((await get(id)).error?.code).toBe('recipient_opted_out');
    expect(called.map(({ messageId }) => messageId)).toEqual(ids.slice(0, 1));
  });

  it('is met by the claim when the opt-out and the message came at the same moment', async () => {
    await tenant.client.post(`/sessions/${session.id}/pause`);
    const [first = '', second = ''] = [await send(ALEX), await send(BODO)];
    await optOutBehindTheBack(`${ALEX}@c.us`);
    expect((await get(first)).status).toBe('queued');
    await tenant.client.post(`/sessions/${session.id}/resume`);
    expect((await statusOf(tenant, first, 'failed')).error?.code).toBe('recipient_opted_out');
    await statusOf(tenant, second, 'sent');
    expect(called.map(({ messageId }) => messageId)).toEqual([second]);
  });

  it('is the same person under the phone number and the LID', async () => {
    await messaging.report(session.id, {
      kind: 'contacts',
      contacts: [{ id: `${ALEX}@c.us`, phone: ALEX, lid: LID, name: 'Alex' }],
    });
    await waitFor(
      async () => {
        const rows = await messaging.api.database.workerSql((query) =>
          query('SELECT FROM identities WHERE session_id = $1', [session.id]),
        );
        return rows.length > 0;
      },
      { what: 'the pair to be learned' },
    );
    const { body } = await optOut(LID);
    expect(body.to).toEqual({ id: LID, phone: ALEX, lid: LID });
    expectProblem(await post(ALEX), 422, 'recipient_opted_out');
    expectProblem(await post(LID), 422, 'recipient_opted_out');
  });
});

describe('an opt-out', () => {
  it('of one session leaves the others alone', async () => {
    const { body: other } = await tenant.client.post<SessionBody>('/sessions');
    await optOut(ALEX, { session: other.id });
    await statusOf(tenant, await send(ALEX), 'sent');
  });

  it('is of the mode of its key, and of its tenant', async () => {
    const live = await messaging.api.createKey(tenant.tenantId, { mode: 'live' });
    await live.client.post('/opt-outs', { to: ALEX });
    const stranger = await messaging.api.createTenant();
    const foreign = await stranger.client.post<CreatedOptOut>('/opt-outs', { to: ALEX });
    await statusOf(tenant, await send(ALEX), 'sent');
    expect((await tenant.client.get<PageBody<object>>('/opt-outs')).body.data).toEqual([]);
    const removed = await tenant.client.request('DELETE', `/opt-outs/${foreign.body.id}`);
    expectProblem(removed, 404, 'not_found');
  });

  it('of all sessions is not for a key that is bound to one', async () => {
    const bound = await messaging.api.createKey(tenant.tenantId, { sessionIds: [session.id] });
    expectProblem(await bound.client.post('/opt-outs', { to: ALEX }), 403, 'session_not_allowed');
    const own = await bound.client.post<CreatedOptOut>('/opt-outs', { to: ALEX, session: session.id });
    expect(own.status).toBe(201);
    const { body: all } = await optOut(BODO);
    expectProblem(await bound.client.request('DELETE', `/opt-outs/${all.id}`), 404, 'not_found');
    expect((await bound.client.request('DELETE', `/opt-outs/${own.body.id}`)).status).toBe(204);
  });
});
