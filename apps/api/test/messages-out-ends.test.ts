import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { NodeResponse } from '#contracts';
import { waitFor } from '../../../test/support/index.js';
import type { TestTenant } from '../../../test/support/start-api.js';
import type { MessageResource } from '../src/messages/message-resource.js';
import { ALEX, handed, Messaging, OWN_PHONE, statusOf, type SendRequest } from './messaging.js';
import { connected, Refusal, snapshot } from './scripted-node.js';
import type { SessionBody } from './session-bodies.js';

type NotSent = Extract<NodeResponse<'message.send'>, { outcome: 'not_sent' }>;

let messaging: Messaging;
let tenant: TestTenant;
let session: SessionBody;

beforeAll(async () => {
  messaging = await Messaging.start();
});
afterAll(async () => {
  await messaging?.close();
});
beforeEach(async () => {
  messaging.node.scripts['message.send'] = (request) => handed(request, 1);
  messaging.node.scripts['message.lookup'] = () => ({ found: [], neverStarted: [] });
  ({ tenant, session } = await messaging.connect());
});

async function send(changes: object = {}): Promise<string> {
  const body = { to: ALEX, type: 'text', text: 'Hi', ...changes };
  const answer = await tenant.client.post<MessageResource>('/messages', body);
  expect(answer.status).toBe(202);
  return answer.body.id;
}

function notSent(code: NotSent['code']): NotSent {
  return { outcome: 'not_sent', retry: true, code, reason: 'scripted' };
}

const sends = () => messaging.node.callsOf('message.send').filter((call) => call.sessionId === session.id);

/** Rows of the attempts of a message. */
function attemptsOf(
  id: string,
): Promise<{ number: number; outcome: string | null; reason: string | null }[]> {
  return messaging.api.database.workerSql((query) =>
    query(`SELECT number, outcome, reason FROM message_attempts WHERE message_id = $1 ORDER BY number`, [id]),
  );
}

/** The node answers nothing until `open` is called. */
function gate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { open, opened };
}

describe('a message that crashes the page', () => {
  it('fails as poison after the second crash, called alone that time, and the queue moves on', async () => {
    const inFlight = new Set<string>();
    let beside = -1;
    const { open, opened } = gate();
    let poison = '';
    messaging.node.scripts['message.send'] = async (request: SendRequest) => {
      inFlight.add(request.messageId);
      const tries = sends().filter(({ messageId }) => messageId === request.messageId).length;
      if (request.content.type === 'text' && request.content.text === 'poison') {
        poison = request.messageId;
        if (tries === 2) beside = inFlight.size - 1;
        inFlight.delete(request.messageId);
        return notSent('page_crashed');
      }
      await opened;
      inFlight.delete(request.messageId);
      return handed(request, 1);
    };
    const others = [];
    for (let i = 0; i < 6; i += 1) others.push(await send({ to: `491511234568${String(i)}` }));
    const id = await send({ text: 'poison' });
    const behind = await send();
    open();
    const failed = await statusOf(tenant, id, 'failed');
    expect(failed.error?.code).toBe('poison');
    expect(poison).toBe(id);
    for (const other of [...others, behind]) await statusOf(tenant, other, 'sent');
    expect(sends().filter(({ messageId }) => messageId === id)).toHaveLength(2);
    expect(beside).toBe(0);
    expect((await attemptsOf(id)).map(({ reason }) => reason)).toEqual(['page_crashed', 'page_crashed']);
  });
});

describe('a failure that says nothing about the message', () => {
  it.each(['page_gone', 'session_not_connected', 'contract_broken', 'transfer_busy'] as const)(
    'holds it and counts nothing: %s',
    async (code) => {
      let tries = 0;
      messaging.node.scripts['message.send'] = (request) => {
        tries += 1;
        return tries <= 3 ? notSent(code) : handed(request, 1);
      };
      const id = await send();
      for (let i = 1; i <= 3; i += 1) {
        await waitFor(() => tries >= i, { what: 'a try' });
        // Cuts the lane's pause short.
        await messaging.node.become(
          session.id,
          snapshot({ state: 'interrupted', reason: 'network', me: null }),
        );
        await messaging.node.become(session.id, connected(OWN_PHONE));
      }
      expect(await statusOf(tenant, id, 'sent')).toMatchObject({ attempts: 1 });
      expect(await attemptsOf(id)).toEqual([{ number: 4, outcome: 'handed', reason: null }]);
    },
  );

  it('holds up nobody else when only the files of others were in its way', async () => {
    const { open, opened } = gate();
    let large = '';
    messaging.node.scripts['message.send'] = async (request) => {
      if (request.messageId === large && sends().length === 2) return notSent('transfer_busy');
      await opened;
      return handed(request, 1);
    };
    const first = await send({ to: '4915112345680' });
    const behind = await send({ to: '4915112345680' });
    await waitFor(() => sends().length === 1, { what: 'the first send' });
    await waitFor(async () => (await attemptsOf(behind)).length === 1, { what: 'the claim behind it' });
    large = await send();
    await waitFor(() => sends().length >= 3, { what: 'the next try of the large file' });
    open();
    for (const id of [first, behind, large]) await statusOf(tenant, id, 'sent');
    expect((await attemptsOf(behind)).map(({ number }) => number)).toEqual([1]);
  });

  it('a refusal that does not pass by itself counts, so that it ends', async () => {
    messaging.node.scripts['message.send'] = () => new Refusal('invalid_request', 'not_sent');
    const id = await send();
    await waitFor(() => sends().length === 1, { what: 'the first try' });
    await waitFor(async () => (await attemptsOf(id))[0]?.outcome === 'not_sent', { what: 'its end' });
    expect(await attemptsOf(id)).toEqual([{ number: 1, outcome: 'not_sent', reason: 'busy' }]);
  });
});

describe('what was claimed when its session ended', () => {
  it('fails with it instead of going back to the queue, when it turns out not to have left', async () => {
    const { open, opened } = gate();
    messaging.node.scripts['message.send'] = async () => {
      await opened;
      return notSent('busy');
    };
    const ids = [await send(), await send({ to: '4915112345679' }), await send()];
    await waitFor(() => sends().length === 2, { what: 'two sends to be under way' });
    expect((await tenant.client.request('DELETE', `/sessions/${session.id}`)).status).toBe(204);
    open();
    for (const id of ids) {
      expect((await statusOf(tenant, id, 'failed')).error?.code).toBe('session_deleted');
    }
    expect(sends()).toHaveLength(2);
  });

  it('fails with it also when the session is linked again by then', async () => {
    const { open, opened } = gate();
    messaging.node.scripts['message.send'] = async () => {
      await opened;
      return notSent('busy');
    };
    const id = await send();
    await waitFor(() => sends().length === 1, { what: 'the send' });
    const gone = snapshot({ state: 'logged_out', reason: 'logged_out', action: 'relink' });
    await messaging.node.become(session.id, gone);
    await tenant.client.post(`/sessions/${session.id}/start`);
    await messaging.node.become(session.id, connected(OWN_PHONE));
    open();
    expect((await statusOf(tenant, id, 'failed')).error?.code).toBe('session_logged_out');
    expect(sends()).toHaveLength(1);
  });

  it('that is in the queue of an ended session all the same is found and ended', async () => {
    await messaging.node.become(session.id, snapshot({ state: 'interrupted', reason: 'network', me: null }));
    const id = await send();
    // As an accept leaves it that is committed just after the end.
    await messaging.api.database.workerSql((query) =>
      query(`UPDATE sessions SET desired = 'deleted' WHERE id = $1`, [session.id]),
    );
    expect((await statusOf(tenant, id, 'failed')).error?.code).toBe('session_deleted');
  });
});

describe('a queue longer than what ends with its session at once', () => {
  it('ends whole, though nobody waits for it', async () => {
    await messaging.node.become(session.id, snapshot({ state: 'interrupted', reason: 'network', me: null }));
    const count = (status: string) =>
      messaging.api.database.workerSql(async (query) => {
        const [row] = await query<{ count: number }>(
          'SELECT count(*)::int AS count FROM messages WHERE session_id = $1 AND status = $2',
          [session.id, status],
        );
        return row?.count;
      });
    await messaging.api.database.workerSql((query) =>
      query(
        `INSERT INTO messages (tenant_id, id, session_id, direction, origin, chat_wa_id, type, content, status)
         SELECT $1, $2 || i, $2, 'out', 'api', '1@c.us', 'text', '{}', 'queued' FROM generate_series(1, 2500) i`,
        [tenant.tenantId, session.id],
      ),
    );
    expect((await tenant.client.request('DELETE', `/sessions/${session.id}`)).status).toBe(204);
    await waitFor(async () => (await count('failed')) === 2_500, { what: 'all to end' });
    expect(await count('queued')).toBe(0);
  });
});

describe('a session of strict order', () => {
  it('keeps a chat waiting behind a message of unknown fate, and no other chat', async () => {
    await tenant.client.request('PATCH', `/sessions/${session.id}`, { strictOrder: true });
    messaging.node.scripts['message.send'] = (request) =>
      request.content.type === 'text' && request.content.text === 'lost'
        ? { outcome: 'unknown', reason: 'scripted' }
        : handed(request, 1);
    const lost = await send({ text: 'lost' });
    await statusOf(tenant, lost, 'unknown');
    // Long past the minute after which another session's chat goes on.
    await messaging.api.database.workerSql((query) =>
      query(`UPDATE message_attempts SET ended_at = now() - interval '1 hour' WHERE message_id = $1`, [lost]),
    );
    const behind = await send();
    const beside = await send({ to: '4915112345679' });
    await statusOf(tenant, beside, 'sent');
    expect((await tenant.client.get<MessageResource>(`/messages/${behind}`)).body.status).toBe('queued');
    await tenant.client.request('PATCH', `/sessions/${session.id}`, { strictOrder: false });
    await statusOf(tenant, behind, 'sent');
    expect(sends().map(({ messageId }) => messageId)).toEqual([lost, beside, behind]);
  });
});

describe('the minute for which a message of unknown fate holds back its chat', () => {
  it('begins when its fate is unknown, not when it was claimed', async () => {
    const { open, opened } = gate();
    messaging.node.scripts['message.send'] = async (request) => {
      if (request.content.type === 'text' && request.content.text === 'lost') {
        await opened;
        return { outcome: 'unknown', reason: 'scripted' };
      }
      return handed(request, 1);
    };
    const lost = await send({ text: 'lost' });
    await waitFor(() => sends().length === 1, { what: 'the send' });
    await messaging.api.database.workerSql((query) =>
      query(`UPDATE message_attempts SET started_at = now() - interval '70 s' WHERE message_id = $1`, [lost]),
    );
    open();
    await statusOf(tenant, lost, 'unknown');
    const behind = await send();
    const beside = await send({ to: '4915112345679' });
    await statusOf(tenant, beside, 'sent');
    expect((await tenant.client.get<MessageResource>(`/messages/${behind}`)).body.status).toBe('queued');
  });
});
