import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NodeFact, SessionAddress } from '#contracts';
import { startApi, type TestApi, type TestTenant } from '../../../test/support/start-api.js';
import { NodeFactHandlers, NodeRegistry } from '../src/nodes/index.js';
import { SessionEndings } from '../src/sessions/index.js';
import { connected, ScriptedNode, snapshot } from './scripted-node.js';
import type { SessionBody } from './session-bodies.js';

let api: TestApi;
let node: ScriptedNode;
let tenant: TestTenant;
const ended: string[] = [];

beforeAll(async () => {
  api = await startApi();
  node = await new ScriptedNode(api, 'node-1').start();
  tenant = await api.createTenant();
  api.app.get(SessionEndings, { strict: false }).register((_tx, session, code) => {
    ended.push(`${session.id} ${code}`);
    return Promise.resolve();
  });
});

afterAll(async () => {
  await node?.stop();
  await api?.close();
});

async function started(): Promise<SessionBody> {
  const created = await tenant.client.post<SessionBody>('/sessions');
  await tenant.client.post(`/sessions/${created.body.id}/start`);
  return created.body;
}

async function read(id: string): Promise<SessionBody> {
  return (await tenant.client.get<SessionBody>(`/sessions/${id}`)).body;
}

function chatsFact(...names: string[]): NodeFact {
  const chats = names.map((name, i) => ({
    id: `4915100000${String(i).padStart(3, '0')}@c.us`,
    kind: 'person' as const,
    name,
    phone: `4915100000${String(i).padStart(3, '0')}`,
    lid: null,
  }));
  return { kind: 'chats', chats };
}

async function chatNames(sessionId: string): Promise<unknown[]> {
  const answer = await tenant.client.get<{ data: { name: string }[] }>(
    `/chats?session=${sessionId}&limit=100`,
  );
  return answer.body.data.map((chat) => chat.name);
}

describe('a heartbeat', () => {
  it('registers the node and answers what is placed on it', async () => {
    const session = await started();
    const answer = await node.heartbeat();
    expect(answer.sessions).toContainEqual({
      tenantId: tenant.tenantId,
      sessionId: session.id,
      epoch: 1,
      mode: 'test',
      running: true,
    });
    const known = await api.app.get(NodeRegistry, { strict: false }).get('node-1');
    expect(known).toMatchObject({
      name: 'node-1',
      url: node.url,
      capacity: 50,
      bootId: 'boot-1',
      sandbox: true,
    });
    node.bootId = 'boot-2';
    await node.heartbeat();
    expect(await api.app.get(NodeRegistry, { strict: false }).get('node-1')).toMatchObject({
      bootId: 'boot-2',
    });
  });

  it('brings states up to date, and proofs of what stays connected', async () => {
    const session = await started();
    const address = node.addressOf(session.id);
    const since = new Date().toISOString();
    node.sessions.set(session.id, { ...address, snapshot: connected('4915112345678', { since }) });
    await node.heartbeat();
    const first = await read(session.id);
    expect(first).toMatchObject({ state: 'connected', since });
    const provenAt = new Date(Date.now() + 1_000).toISOString();
    node.sessions.set(session.id, { ...address, snapshot: connected('4915112345678', { since, provenAt }) });
    await node.heartbeat();
    expect(await read(session.id)).toMatchObject({ state: 'connected', since, provenAt });
  });

  it('of a node that was started anew leaves none of its sessions connected until it says so', async () => {
    const session = await started();
    const address = node.addressOf(session.id);
    await node.become(session.id, connected('4915112345678'));
    expect(await read(session.id)).toMatchObject({ state: 'connected' });
    node.bootId = 'boot-3';
    node.sessions.clear();
    await node.heartbeat();
    expect(await read(session.id)).toMatchObject({ state: 'starting', reason: 'launching' });
    node.sessions.set(session.id, { ...address, snapshot: connected('4915112345678') });
    await node.heartbeat();
    expect(await read(session.id)).toMatchObject({ state: 'connected' });
  });

  it('that was overtaken by an event changes nothing', async () => {
    const session = await started();
    const address = node.addressOf(session.id);
    await node.become(session.id, connected('4915112345678'));
    const before = new Date(Date.now() - 2_000).toISOString();
    node.sessions.set(session.id, { ...address, snapshot: snapshot({ since: before }) });
    await node.heartbeat();
    expect(await read(session.id)).toMatchObject({ state: 'connected' });
  });

  it('of another epoch changes nothing', async () => {
    const session = await started();
    const address = { ...node.addressOf(session.id), epoch: 7 };
    node.sessions.set(session.id, { ...address, snapshot: connected('4915112345678') });
    const { sessions } = await node.heartbeat();
    expect(sessions.find((one) => one.sessionId === session.id)).toMatchObject({ epoch: 1 });
    expect(await read(session.id)).toMatchObject({ state: 'starting' });
    node.sessions.delete(session.id);
  });
});

describe('events', () => {
  const fact: NodeFact = chatsFact('Anna');

  it('are refused as a whole for a session that the node does not own: stale, foreign, unknown', async () => {
    const session = await started();
    const address = node.addressOf(session.id);
    const other = await new ScriptedNode(api, 'node-2').start();
    const stale = { ...address, epoch: 2, fact };
    expect(await node.report(stale)).toEqual([session.id]);
    expect(await other.report({ ...address, fact })).toEqual([session.id]);
    const stranger = await api.createTenant();
    expect(await node.report({ ...address, tenantId: stranger.tenantId, fact })).toEqual([session.id]);
    expect(await chatNames(session.id)).toEqual([]);
    expect(await node.report({ ...address, fact })).toEqual([]);
    expect(await chatNames(session.id)).toEqual(['Anna']);
    await other.stop();
    await api.database.workerSql((query) => query(`DELETE FROM nodes WHERE name = 'node-2'`));
  });

  it('of one session that is stale do not hold back those of others', async () => {
    const [mine, gone] = [await started(), await started()];
    const events = [
      { ...node.addressOf(gone.id), epoch: 9, fact },
      { ...node.addressOf(mine.id), fact },
    ];
    expect(await node.report(...events)).toEqual([gone.id]);
    expect(await chatNames(mine.id)).toEqual(['Anna']);
  });

  it('may come again and change nothing more', async () => {
    const session = await started();
    const event = { ...node.addressOf(session.id), fact: chatsFact('Anna', 'Ben') };
    await node.report(event);
    const first = await tenant.client.get(`/chats?session=${session.id}`);
    await node.report(event, event);
    expect((await tenant.client.get(`/chats?session=${session.id}`)).body).toEqual(first.body);
  });

  it('with characters that Postgres cannot store are stored without them', async () => {
    const session = await started();
    await node.report({
      ...node.addressOf(session.id),
      fact: chatsFact('A\u0000n\ud800na', 'back\\u0000slash'),
    });
    expect(await chatNames(session.id)).toEqual(expect.arrayContaining(['An\ufffdna', 'back\\u0000slash']));
  });

  it('end what waits when the phone unlinks the session or another number is linked, once', async () => {
    const session = await started();
    await node.become(session.id, connected('4915112340001'));
    await node.become(session.id, connected('4915112340001'));
    expect(ended.filter((line) => line.startsWith(session.id))).toEqual([]);
    await node.become(session.id, snapshot({ state: 'logged_out', reason: 'unlinked' }));
    await node.become(session.id, snapshot({ state: 'logged_out', reason: 'unlinked' }));
    expect(ended.filter((line) => line.startsWith(session.id))).toEqual([`${session.id} session_logged_out`]);
    const other = await started();
    await node.become(other.id, connected('4915112340002'));
    await node.become(other.id, snapshot({ state: 'pairing', reason: 'scan_qr', action: 'scan_qr' }));
    expect(await read(other.id)).toMatchObject({ state: 'pairing', me: null });
    await node.become(other.id, connected('4915112340003'));
    expect(ended.filter((line) => line.startsWith(other.id))).toEqual([`${other.id} session_logged_out`]);
    expect(await read(other.id)).toMatchObject({ me: { phone: '4915112340003' } });
  });

  it('wake the queue when a session becomes connected', async () => {
    const session = await started();
    const woken: (string | null)[] = [];
    const stop = await api.database.listen('wagate_queue', (payload) => woken.push(payload));
    await node.become(session.id, connected('4915112345678'));
    await expect.poll(() => woken, { timeout: 20_000 }).toContain(session.id);
    await stop();
  });
});

describe('a fact that cannot be stored', () => {
  it('is put aside whole, and those around it are stored', async () => {
    api.app.get(NodeFactHandlers, { strict: false }).register('message.ack', (_tx, _session, facts) => {
      if (facts.some((one) => one.waMessageId === '3EB0BAD'))
        throw new TypeError('cannot store the words of Anna');
      return Promise.resolve();
    });
    const session = await started();
    const address = node.addressOf(session.id);
    const bad: NodeFact = {
      kind: 'message.ack',
      waKey: 'true_4915100000000@c.us_3EB0BAD',
      waMessageId: '3EB0BAD',
      chatId: '4915100000000@c.us',
      ack: 1,
      at: new Date().toISOString(),
    };
    const events = [chatsFact('Anna'), bad, chatsFact('Anna', 'Ben')].map((one) => ({
      ...address,
      fact: one,
    }));
    expect(await node.report(...events)).toEqual([]);
    expect((await chatNames(session.id)).sort()).toEqual(['Anna', 'Ben']);
    const kept = await api.database.workerSql((query) =>
      query<{ kind: string; fact: NodeFact; error: string }>(
        'SELECT kind, fact, error FROM quarantined_facts',
      ),
    );
    expect(kept).toEqual([{ kind: 'message.ack', fact: bad, error: 'TypeError' }]);
    const lines = api.logged.filter((line) => line.sessionId === session.id && line.level === 'error');
    expect(lines.map((line) => line.type)).toEqual(['TypeError', 'TypeError']);
    expect(JSON.stringify(lines)).not.toContain('words of Anna');
  });
});

describe('a fact that always takes too long to store', () => {
  it('fails the batch twice, never the other sessions, and is put aside once then', async () => {
    api.app.get(NodeFactHandlers, { strict: false }).register('message.ack', async (tx, _session, facts) => {
      if (!facts.some((one) => one.waMessageId === '3EB0SLOW')) return;
      await tx(`SET LOCAL statement_timeout = '50ms'`);
      await tx('SELECT pg_sleep(20)');
    });
    const [session, other] = [await started(), await started()];
    const slow: NodeFact = {
      kind: 'message.ack',
      waKey: 'true_4915100000000@c.us_3EB0SLOW',
      waMessageId: '3EB0SLOW',
      chatId: '4915100000000@c.us',
      ack: 1,
      at: new Date().toISOString(),
    };
    const address = node.addressOf(session.id);
    const events = [
      ...[chatsFact('Anna'), slow, chatsFact('Anna', 'Ben')].map((fact) => ({ ...address, fact })),
      { ...node.addressOf(other.id), fact: chatsFact('Cleo') },
    ];
    await expect(node.report(...events)).rejects.toThrow('503');
    expect(await chatNames(other.id)).toEqual(['Cleo']);
    await expect(node.report(...events)).rejects.toThrow('503');
    expect(await chatNames(session.id)).toEqual([]);
    for (let time = 0; time < 2; time += 1) {
      expect(await node.report(...events)).toEqual([]);
      expect((await chatNames(session.id)).sort()).toEqual(['Anna', 'Ben']);
      const kept = await api.database.workerSql((query) =>
        query('SELECT kind, fact, error FROM quarantined_facts WHERE session_id = $1', [session.id]),
      );
      expect(kept).toEqual([{ kind: 'message.ack', fact: slow, error: 'AppError 57014' }]);
    }
  });
});

describe('a burst', () => {
  it('of 500 facts of ten sessions is one transaction per session with few statements', async () => {
    const sessions: SessionBody[] = [];
    for (let i = 0; i < 10; i += 1) sessions.push(await started());
    const calls: string[] = [];
    api.app.get(NodeFactHandlers, { strict: false }).register('chats', (_tx, session) => {
      calls.push(session.id);
      return Promise.resolve();
    });
    const events = Array.from({ length: 500 }, (_, i): SessionAddress & { fact: NodeFact } => {
      const session = sessions[i % sessions.length];
      return { ...node.addressOf(session?.id ?? ''), fact: chatsFact(`chat ${String(i)}`) };
    });
    expect(await node.report(...events)).toEqual([]);
    expect(calls.sort()).toEqual(sessions.map((session) => session.id).sort());
  });
});
