import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { WaChat, WaPerson } from '#contracts';
import type { Query } from '#database';
import { newId } from '#kernel';
import type { TestApi, TestTenant } from '../../../test/support/start-api.js';
import { ChatRepository, type ChatTouch, type UpsertedChat } from '../src/chats/index.js';
import { ContactRepository } from '../src/contacts/index.js';
import type { ScriptedNode } from './scripted-node.js';
import { expectProblem, type PageBody } from './session-bodies.js';
import { SessionSteps } from './session-steps.js';

interface ChatBody {
  id: string;
  waId: string;
  kind: string;
  name: string | null;
  phone: string | null;
  lid: string | null;
  lastMessageId: string | null;
  lastMessageAt: string | null;
}

let steps: SessionSteps;
let api: TestApi;
let node: ScriptedNode;
let tenant: TestTenant;

beforeAll(async () => {
  steps = await SessionSteps.start();
  ({ api, node, tenant } = steps);
});

// On a slow machine the node would count as silent by then.
beforeEach(() => node.heartbeat());

afterAll(() => steps?.close());

function person(phone: string, changes: Partial<WaPerson> = {}): WaPerson {
  return { id: `${phone}@c.us`, phone, lid: null, name: null, ...changes };
}

function chat(phone: string, changes: Partial<WaChat> = {}): WaChat {
  return { ...person(phone), kind: 'person', ...changes };
}

function reportChats(sessionId: string, ...chats: WaChat[]): Promise<string[]> {
  return node.report({ ...node.addressOf(sessionId), fact: { kind: 'chats', chats } });
}

function reportContacts(sessionId: string, ...contacts: WaPerson[]): Promise<string[]> {
  return node.report({ ...node.addressOf(sessionId), fact: { kind: 'contacts', contacts } });
}

async function listOf(path: string): Promise<ChatBody[]> {
  const answer = await tenant.client.get<PageBody<ChatBody>>(path);
  expect(answer.status).toBe(200);
  return answer.body.data;
}

/** Upserts with messages that touch chats, as the recorder of messages does. */
function touch(sessionId: string, chats: WaChat[], touches: ChatTouch[]): Promise<Map<string, UpsertedChat>> {
  const repository = api.app.get(ChatRepository, { strict: false });
  return api.database.workerSql((query) =>
    repository.upsert(query, tenant.tenantId, sessionId, chats, touches),
  );
}

describe('chats', () => {
  it('never lose what is known to a report that knows less', async () => {
    const { id } = await steps.linked();
    await reportChats(id, chat('4915100000001', { name: 'Anna', lid: '11111@lid' }));
    await reportChats(id, chat('4915100000001'));
    await reportChats(id, chat('4915100000001', { name: 'Anna B.' }));
    expect(await listOf(`/chats?session=${id}`)).toMatchObject([
      {
        waId: '4915100000001@c.us',
        name: 'Anna B.',
        phone: '4915100000001',
        lid: '11111@lid',
        kind: 'person',
      },
    ]);
  });

  it('are listed by their newest message, over pages', async () => {
    const { id } = await steps.linked();
    const phones = ['4915100000011', '4915100000012', '4915100000013', '4915100000014'];
    const at = (minute: number) => new Date(Date.UTC(2030, 0, 1, 0, minute));
    const touches = phones.map((phone, i) => ({ waId: `${phone}@c.us`, messageId: newId('msg'), at: at(i) }));
    await touch(
      id,
      phones.map((phone) => chat(phone)),
      touches,
    );
    const older = { waId: '4915100000014@c.us', messageId: newId('msg'), at: at(1) };
    const newer = { waId: '4915100000011@c.us', messageId: newId('msg'), at: at(9) };
    await touch(id, [chat('4915100000014'), chat('4915100000011')], [older, newer]);
    const expected = ['4915100000011', '4915100000014', '4915100000013', '4915100000012'];
    expect((await listOf(`/chats?session=${id}`)).map((one) => one.phone)).toEqual(expected);
    const first = await tenant.client.get<PageBody<ChatBody>>(`/chats?session=${id}&limit=3`);
    const cursor = first.body.nextCursor ?? '';
    const second = await tenant.client.get<PageBody<ChatBody>>(
      `/chats?session=${id}&limit=3&cursor=${cursor}`,
    );
    expect([...first.body.data, ...second.body.data].map((one) => one.phone)).toEqual(expected);
    expect(second.body.nextCursor).toBeNull();
    expect(first.body.data[0]).toMatchObject({
      lastMessageId: newer.messageId,
      lastMessageAt: newer.at.toISOString(),
    });
    expectProblem(await tenant.client.get(`/chats?limit=3&cursor=${cursor}`), 400, 'invalid_cursor');
  });

  it('are found by session, kind, part of a name and beginning of a number', async () => {
    const { id } = await steps.linked();
    const group: WaChat = {
      id: '120363000000000001@g.us',
      kind: 'group',
      name: '100% Übung_1',
      phone: null,
      lid: null,
    };
    await reportChats(id, chat('4915100000021', { name: 'Zoë Müller' }), chat('4915200000022'), group);
    const names = async (query: string) =>
      (await listOf(`/chats?session=${id}&${query}`)).map((one) => one.waId);
    expect(await names('kind=group')).toEqual([group.id]);
    expect(await names('search=m%C3%BCll')).toEqual(['4915100000021@c.us']);
    expect(await names(`search=${encodeURIComponent('+49 152')}`)).toEqual(['4915200000022@c.us']);
    expect(await names(`search=${encodeURIComponent('0% Ü')}`)).toEqual([group.id]);
    expect(await names('search=g_1')).toEqual([group.id]);
    expect(await names('search=u%25b')).toEqual([]);
    expectProblem(await tenant.client.get('/chats?kind=club'), 400, 'invalid_request');
    expectProblem(await tenant.client.get('/chats?sort=name'), 400, 'invalid_request');
    expectProblem(await tenant.client.get('/chats?session=nowhere'), 404, 'not_found');
  });

  it('are one chat under phone and LID: a later phone form takes over, a later LID finds it', async () => {
    const { id } = await steps.linked();
    const byLid: WaChat = {
      id: '77777@lid',
      kind: 'person',
      name: 'Only LID',
      phone: null,
      lid: '77777@lid',
    };
    const messageId = newId('msg');
    await touch(id, [byLid], [{ waId: '77777@lid', messageId, at: new Date(Date.UTC(2030, 0, 1)) }]);
    const [before] = await listOf(`/chats?session=${id}`);
    await reportChats(id, chat('4915100000031', { lid: '77777@lid' }));
    const after = await listOf(`/chats?session=${id}`);
    expect(after).toMatchObject([
      {
        id: before?.id,
        waId: '4915100000031@c.us',
        name: 'Only LID',
        lid: '77777@lid',
        lastMessageId: messageId,
      },
    ]);
    const again = await touch(
      id,
      [byLid],
      [{ waId: '77777@lid', messageId: 'msg_new', at: new Date(Date.UTC(2031, 0, 1)) }],
    );
    expect(again.get('77777@lid')?.waId).toBe('4915100000031@c.us');
    expect(await listOf(`/chats?session=${id}`)).toMatchObject([
      { id: before?.id, lastMessageId: 'msg_new' },
    ]);
  });

  it('that were stored under both forms become one', async () => {
    const { id } = await steps.linked();
    const byLid: WaChat = { id: '78000@lid', kind: 'person', name: null, phone: null, lid: '78000@lid' };
    const at = new Date(Date.UTC(2030, 0, 1));
    await touch(
      id,
      [byLid, chat('4915100000032', { name: 'Ben' })],
      [{ waId: '78000@lid', messageId: 'msg_of_lid', at }],
    );
    expect(await listOf(`/chats?session=${id}`)).toHaveLength(2);
    await reportChats(id, chat('4915100000032', { lid: '78000@lid' }));
    expect(await listOf(`/chats?session=${id}`)).toMatchObject([
      { waId: '4915100000032@c.us', name: 'Ben', lid: '78000@lid', lastMessageId: 'msg_of_lid' },
    ]);
  });

  it('are not shown by id under a session that is not theirs', async () => {
    const [{ id }, other] = [await steps.linked(), await steps.linked()];
    await reportChats(id, chat('4915100000051', { name: 'Kim' }));
    const [known] = await listOf(`/chats?session=${id}`);
    for (const path of [`/chats/${known?.id ?? ''}`, `/chats/${known?.id ?? ''}/messages`]) {
      for (const session of ['nope', other.id])
        expectProblem(await tenant.client.get(`${path}?session=${session}`), 404, 'not_found');
      expect((await tenant.client.get(`${path}?session=${id}`)).status).toBe(200);
    }
  });

  it('of a deleted session are not listed', async () => {
    const { id } = await steps.linked();
    await reportChats(id, chat('4915100000041', { name: 'Ghost of a session' }));
    const [known] = await listOf('/chats?search=Ghost');
    await tenant.client.request('DELETE', `/sessions/${id}`);
    expect(await listOf('/chats?search=Ghost')).toEqual([]);
    expectProblem(await tenant.client.get(`/chats/${known?.id ?? ''}`), 404, 'not_found');
  });

  it('and contacts of a burst are written with one statement each', async () => {
    const { id } = await steps.linked();
    const statements: string[] = [];
    await api.database.workerSql(async (query) => {
      const counting: Query = (statement, values) => {
        statements.push(typeof statement === 'string' ? statement : statement.name);
        return query(statement, values);
      };
      const phones = Array.from({ length: 500 }, (_, i) => `49152${String(i).padStart(8, '0')}`);
      const chats = phones.map((phone, i) => chat(phone, { lid: `${String(1000 + i)}@lid` }));
      const people = phones.map((phone, i) => person(phone, { lid: `${String(1000 + i)}@lid` }));
      await api.app.get(ChatRepository, { strict: false }).upsert(counting, tenant.tenantId, id, chats);
      await api.app.get(ContactRepository, { strict: false }).upsert(counting, tenant.tenantId, id, people);
    });
    expect(statements).toEqual(['chat_upsert', 'contact_upsert']);
  });
});

describe('contacts', () => {
  it('keep what is known, move to the phone form, and are found', async () => {
    const { id } = await steps.linked();
    await reportContacts(
      id,
      { id: '91000@lid', phone: null, lid: '91000@lid', name: 'Cleo' },
      person('4915100000092'),
    );
    await reportContacts(
      id,
      person('4915100000091', { lid: '91000@lid' }),
      person('4915100000092', { name: 'Dan' }),
    );
    await reportContacts(id, person('4915100000092'));
    const found = await listOf(`/contacts?session=${id}`);
    expect(found.map(({ waId, name, lid }) => ({ waId, name, lid }))).toEqual(
      expect.arrayContaining([
        { waId: '4915100000091@c.us', name: 'Cleo', lid: '91000@lid' },
        { waId: '4915100000092@c.us', name: 'Dan', lid: null },
      ]),
    );
    expect(found).toHaveLength(2);
    expect(await listOf(`/contacts?session=${id}&search=cle`)).toHaveLength(1);
    expect(await listOf(`/contacts?session=${id}&search=4915100000092`)).toMatchObject([{ name: 'Dan' }]);
    const one = await tenant.client.get(`/contacts/${found[0]?.id ?? ''}`);
    expect(one.body).toEqual(found[0]);
  });

  it('stored under both forms become one that keeps the name', async () => {
    const { id } = await steps.linked();
    await reportContacts(
      id,
      { id: '95000@lid', phone: null, lid: '95000@lid', name: 'Eve' },
      person('4915100000095'),
    );
    await reportContacts(id, person('4915100000095', { lid: '95000@lid' }));
    const found = await listOf(`/contacts?session=${id}`);
    expect(found).toMatchObject([{ waId: '4915100000095@c.us', name: 'Eve', lid: '95000@lid' }]);
  });
});
