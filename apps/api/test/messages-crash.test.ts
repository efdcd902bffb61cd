import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { waitFor } from '../../../test/support/index.js';
import { HttpClient } from '../../../test/support/http-client.js';
import { startApi, type TestApi, type TestTenant } from '../../../test/support/start-api.js';
import type { MessageResource } from '../src/messages/message-resource.js';
import { ALEX, handed, Messaging, messageWhen, OWN_PHONE, statusOf } from './messaging.js';
import { connected, ScriptedNode, snapshot } from './scripted-node.js';
import type { PageBody, SessionBody } from './session-bodies.js';

let messaging: Messaging;
let tenant: TestTenant;
let session: SessionBody;

beforeAll(async () => {
  messaging = await Messaging.start({ MESSAGE_ACK_TIMEOUT_SECONDS: '1', MESSAGE_UNKNOWN_FINAL_SECONDS: '4' });
  // Until then nobody is held for dead.
  const isSettled = () =>
    messaging.api.database.workerSql(async (query) => {
      const [row] = await query<{ settled: boolean }>(
        `SELECT pg_postmaster_start_time() < now() - interval '15 s' AS settled`,
      );
      return row?.settled === true;
    });
  await waitFor(isSettled, { what: 'Postgres to have run for a while' });
});
afterAll(async () => {
  await messaging?.close();
});
beforeEach(async () => {
  messaging.node.scripts['message.send'] = (request) => handed(request, 1);
  messaging.node.scripts['message.lookup'] = () => ({ found: [], neverStarted: [] });
  ({ tenant, session } = await messaging.connect());
});

async function send(): Promise<string> {
  const body = { to: ALEX, type: 'text', text: 'Hi' };
  return (await tenant.client.post<MessageResource>('/messages', body)).body.id;
}

/** Another api process on the same database. */
function anotherApi(): Promise<TestApi> {
  const { DATABASE_URL, DATABASE_OWNER_URL, INTERNAL_SECRET, KEY_PEPPER } = messaging.api.config;
  return startApi({ DATABASE_URL, DATABASE_OWNER_URL, INTERNAL_SECRET, KEY_PEPPER });
}

/** Leaves a queued message as an api process does that is killed after its claim, before or after it called the node. */
async function claimAndDie(messageId: string, waMessageId: string, { isCalled = true } = {}): Promise<void> {
  await messaging.api.database.workerSql(async (query) => {
    await query(
      `INSERT INTO message_attempts (tenant_id, message_id, number, session_id, wa_message_id, node_name, node_boot_id,
         epoch, claimed_by, called_at)
       SELECT tenant_id, id, 1, session_id, $2, 'node-1', 'boot-1', 1, 'wagate-api-killed', CASE WHEN $3 THEN now() END
       FROM messages WHERE id = $1`,
      [messageId, waMessageId, isCalled],
    );
    await query(
      `UPDATE messages SET status = 'sending', attempts = 1, claims = 1, wa_message_id = $2 WHERE id = $1`,
      [messageId, waMessageId],
    );
  });
}

const sends = () => messaging.node.callsOf('message.send').filter((call) => call.sessionId === session.id);

describe('an api process that is killed', () => {
  it('leaves messages that are looked up: found, proven unsent, or honestly unknown; none is sent twice', async () => {
    const away = snapshot({ state: 'interrupted', reason: 'network', me: connected(OWN_PHONE).me });
    await messaging.node.become(session.id, away);
    const [found = '', never = '', lost = ''] = [await send(), await send(), await send()];
    const ids = new Map([found, never, lost].map((id, i) => [id, `3EB0${String(i).repeat(18)}`]));
    messaging.node.scripts['message.lookup'] = ({ messages }) => ({
      found: messages
        .filter(({ waMessageId }) => waMessageId === ids.get(found))
        .map(({ waMessageId, chatId }) => ({
          waMessageId,
          waKey: `true_${chatId}_${waMessageId}`,
          ack: 1,
          timestamp: new Date().toISOString(),
        })),
      neverStarted: messages.map(({ waMessageId }) => waMessageId).filter((id) => id === ids.get(never)),
    });
    for (const [id, waMessageId] of ids) await claimAndDie(id, waMessageId);
    await statusOf(tenant, lost, 'unknown');
    await messaging.node.become(session.id, connected(OWN_PHONE));
    expect((await statusOf(tenant, found, 'sent')).waMessageId).toBe(ids.get(found));
    const resent = await statusOf(tenant, never, 'sent');
    expect(resent.waMessageId).not.toBe(ids.get(never));
    await statusOf(tenant, lost, 'unknown_final');
    expect(sends().map((call) => call.messageId)).toEqual([never]);
  });
});

describe('an api process that is killed together with the node', () => {
  it('leaves what it had not called to be sent, once and without a proof', async () => {
    const away = snapshot({ state: 'interrupted', reason: 'network', me: connected(OWN_PHONE).me });
    await messaging.node.become(session.id, away);
    const id = await send();
    const waMessageId = `3EB0${'A'.repeat(18)}`;
    await claimAndDie(id, waMessageId, { isCalled: false });
    await messageWhen(tenant, id, 'it to be queued again', ({ status }) => status === 'queued');
    messaging.node.bootId = 'boot-2';
    await messaging.node.heartbeat();
    await messaging.node.become(session.id, connected(OWN_PHONE));
    expect(await statusOf(tenant, id, 'sent')).toMatchObject({ waMessageId, attempts: 1 });
    expect(sends().map((call) => call.messageId)).toEqual([id]);
    expect(messaging.node.callsOf('message.lookup').filter((call) => call.sessionId === session.id)).toEqual(
      [],
    );
    messaging.node.bootId = 'boot-1';
  });
});

describe('a message that WhatsApp does not acknowledge', () => {
  it('is unknown, not sent; found with ack 0 it stays so, and the ack that comes late is believed', async () => {
    messaging.node.scripts['message.send'] = (request) => handed(request, 0);
    messaging.node.scripts['message.lookup'] = ({ messages }) => ({
      found: messages.map(({ waMessageId, chatId }) => ({
        waMessageId,
        waKey: `true_${chatId}_${waMessageId}`,
        ack: 0,
        timestamp: new Date().toISOString(),
      })),
      neverStarted: [],
    });
    const id = await send();
    const unknown = await statusOf(tenant, id, 'unknown');
    await waitFor(
      () => messaging.node.callsOf('message.lookup').some((call) => call.sessionId === session.id),
      {
        what: 'a look-up',
      },
    );
    expect((await tenant.client.get<MessageResource>(`/messages/${id}`)).body).toMatchObject({
      status: 'unknown',
      ack: 0,
    });
    await messaging.ack(session.id, String(unknown.waMessageId), 2);
    await messageWhen(tenant, id, 'the late ack', (message) => message.status === 'delivered');
    expect(sends()).toHaveLength(1);
  });
});

describe('an api process that others hold for dead while its call is under way', () => {
  it('leaves a message that goes on being looked for when the answer brings no ack', async () => {
    let answer = () => {};
    const answered = new Promise<void>((resolve) => (answer = resolve));
    messaging.node.scripts['message.send'] = async (request) => {
      await answered;
      return handed(request, 0);
    };
    const id = await send();
    await waitFor(() => sends().length === 1, { what: 'the call' });
    await messaging.api.database.workerSql(async (query) => {
      await query(`UPDATE messages SET status = 'unknown' WHERE id = $1`, [id]);
      await query(
        `UPDATE message_attempts SET outcome = 'unknown', reason = 'process_gone', ended_at = now(), lookup_at = now()
         WHERE message_id = $1`,
        [id],
      );
    });
    answer();
    await statusOf(tenant, id, 'unknown_final');
    expect(sends()).toHaveLength(1);
  });
});

describe('several api processes', () => {
  it('share the queues: everything is handed over once', async () => {
    const other = await anotherApi();
    try {
      const otherClient = new HttpClient(`${other.baseUrl}/api/v1`, tenant.key);
      const ids: string[] = [];
      await Promise.all(
        Array.from({ length: 120 }, async (_, i) => {
          const client = i % 2 === 0 ? tenant.client : otherClient;
          const body = { to: `491511234567${String(i % 5)}`, type: 'text', text: 'Hi' };
          const answer = await client.post<MessageResource>('/messages', body);
          expect(answer.status).toBe(202);
          ids.push(answer.body.id);
        }),
      );
      await waitFor(() => new Set(sends().map((call) => call.messageId)).size === 120, {
        what: 'all to leave',
      });
      for (const id of ids) await statusOf(tenant, id, 'sent');
      expect(sends()).toHaveLength(120);
    } finally {
      await other.close();
    }
  });
});

describe('an api process that is stopped', () => {
  it('lets sends under way end and leaves the rest in the queue, for the next one', async () => {
    const own = await Messaging.start();
    const { tenant: someone, session: mine } = await own.connect();
    let answer = () => {};
    const answered = new Promise<void>((resolve) => (answer = resolve));
    own.node.scripts['message.send'] = async (request) => {
      await answered;
      return handed(request, 1);
    };
    const accepted: string[] = [];
    for (let i = 0; i < 5; i += 1) {
      const body = { to: ALEX, type: 'text', text: 'Hi' };
      accepted.push((await someone.client.post<MessageResource>('/messages', body)).body.id);
    }
    await waitFor(() => own.node.callsOf('message.send').length === 1, { what: 'the first to be sent' });
    const { DATABASE_URL, DATABASE_OWNER_URL, INTERNAL_SECRET, KEY_PEPPER } = own.api.config;
    const next = await startApi({ DATABASE_URL, DATABASE_OWNER_URL, INTERNAL_SECRET, KEY_PEPPER });
    const node = new ScriptedNode(next, 'node-1');
    try {
      const client = new HttpClient(`${next.baseUrl}/api/v1`, someone.key);
      const statuses = async () =>
        (await client.get<PageBody<MessageResource>>('/messages')).body.data.map((message) => message.status);
      const stopped = own.api.app.close();
      const given = ['queued', 'queued', 'queued', 'queued', 'sending'];
      await waitFor(async () => (await statuses()).join() === given.join(), {
        what: 'the others to be given back',
      });
      answer();
      await stopped;
      node.scripts['message.send'] = (request) => handed(request, 1);
      node.sessions.set(mine.id, { ...own.node.addressOf(mine.id), snapshot: connected(OWN_PHONE) });
      await node.start();
      await waitFor(async () => (await statuses()).every((status) => status === 'sent'), {
        what: 'all to be sent',
      });
      const left = [...own.node.callsOf('message.send'), ...node.callsOf('message.send')];
      expect(left.map((call) => call.messageId)).toEqual(accepted);
    } finally {
      await node.stop();
      await next.close();
      await own.close();
    }
  });
});
