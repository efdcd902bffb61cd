import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NodeEvent, NodeFact } from '#contracts';
import { migrate } from '#database';
import { startPostgres, type RunningPostgres } from '#embedded';
import { temporaryFolder, waitFor } from '../../../test/support/index.js';
import { startApi, type TestApi, type TestTenant } from '../../../test/support/start-api.js';
import { allMessages, eventsOf, pairOf, textFrom, type Two } from './inbound.js';
import { connected, ScriptedNode } from './scripted-node.js';
import type { PageBody, SessionBody } from './session-bodies.js';

const SESSIONS = 10;
const MESSAGES = 1_000;
const PEOPLE = 8;
const BATCH = 100;
const STARTED_AT = Date.parse('2026-01-01T00:00:00.000Z');
const FORMS = ['lid', 'phone', 'both'] as const;

let folder: string;
let postgres: RunningPostgres;
let apis: [TestApi, TestApi];
let nodes: [ScriptedNode, ScriptedNode];
let tenant: TestTenant;

beforeAll(async () => {
  folder = await temporaryFolder('wagate-inbound-burst');
  postgres = await startPostgres({ dataDir: folder, database: 'wagate' });
  const app = new URL(postgres.url);
  app.username = 'wagate_app';
  app.password = 'an app password';
  await migrate({ ownerUrl: postgres.url, appUrl: app.href });
  const first = await startApi({ DATABASE_URL: app.href, DATABASE_OWNER_URL: postgres.url });
  const { DATABASE_URL, DATABASE_OWNER_URL, INTERNAL_SECRET, KEY_PEPPER } = first.config;
  const second = await startApi({ DATABASE_URL, DATABASE_OWNER_URL, INTERNAL_SECRET, KEY_PEPPER });
  apis = [first, second];
  nodes = [await new ScriptedNode(first, 'node-1').start(), new ScriptedNode(second, 'node-1')];
  tenant = await first.createTenant();
});

afterAll(async () => {
  await nodes?.[0].stop();
  await Promise.all((apis ?? []).map((api) => api.close()));
  await postgres?.stop({ remove: true });
  if (folder) await rm(folder, { recursive: true, force: true });
});

/** A generator of pseudo-random numbers below `most`, the same in every run (xorshift32). */
function randomFrom(seed: number): (most: number) => number {
  let state = seed;
  return (most) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % most;
  };
}

interface Said {
  waMessageId: string;
  by: Two;
  timestamp: string;
}

/** What WhatsApp delivered to one session: so many messages, one a second, from people who write in turn and at random. */
function sayings(sessionNumber: number, random: (most: number) => number): Said[] {
  const people = Array.from({ length: PEOPLE }, (_, i): Two => {
    const number = String(sessionNumber * 100 + i).padStart(4, '0');
    return { phone: `4915100${number}00`, lid: `7000000${number}00@lid` };
  });
  return Array.from({ length: MESSAGES }, (_, i): Said => ({
    waMessageId: `3EB0${String(sessionNumber).padStart(4, '0')}${String(i).padStart(10, '0')}`,
    by: people[random(PEOPLE)] ?? people[0]!,
    timestamp: new Date(STARTED_AT + i * 1_000).toISOString(),
  }));
}

/**
 * The batches in which a node reports them: in order, but within a batch shuffled and some twice, under either form of
 * the people's ids, with the pairs told late, early or by the way, and now and then an earlier batch again.
 */
function batchesOf(said: readonly Said[], random: (most: number) => number): NodeFact[][] {
  const batches: NodeFact[][] = [];
  for (let start = 0; start < said.length; start += BATCH) {
    const facts = said.slice(start, start + BATCH).flatMap(({ waMessageId, by, timestamp }) => {
      const fact = () =>
        textFrom(by, FORMS[random(start < MESSAGES / 2 ? 2 : 3)] ?? 'both', waMessageId, { timestamp });
      return random(4) === 0 ? [fact(), fact()] : [fact()];
    });
    if (start >= MESSAGES / 4) facts.push(pairOf(said[start + random(BATCH)]!.by));
    batches.push(facts.sort(() => random(3) - 1));
    if (random(3) === 0) batches.push(batches[random(batches.length)]!);
  }
  batches.push([pairOf(...new Map(said.map(({ by }) => [by.lid, by])).values())]);
  return batches;
}

/** As a node does: one batch after the other, each until it is taken; here both processes get each at the same time. */
async function deliver(session: SessionBody, batches: NodeFact[][], done: () => void): Promise<void> {
  const address = nodes[0].addressOf(session.id);
  for (const facts of batches) {
    const events = facts.map((fact): NodeEvent => ({ ...address, fact }));
    await Promise.all(
      nodes.map((node) =>
        waitFor(async () => (await node.report(...events)).length === 0, {
          what: 'a batch to be taken',
          deadlineMs: 90_000,
          pollMs: 100,
        }),
      ),
    );
    done();
  }
}

/** Ends the server in the middle of everything, as if it had crashed, and starts it again. */
async function crashDatabase(): Promise<void> {
  process.kill(postgres.pid, 'SIGQUIT');
  await postgres.exited;
  postgres = await startPostgres({ dataDir: folder, port: postgres.port, database: 'wagate' });
}

describe('10,000 messages in a burst over 10 sessions', () => {
  it('reported doubled and shuffled to two processes, over a crash of the database, are all there once', async () => {
    const random = randomFrom(20_260_101);
    const sessions: SessionBody[] = [];
    for (let i = 0; i < SESSIONS; i += 1) {
      const { body } = await tenant.client.post<SessionBody>('/sessions');
      await tenant.client.post(`/sessions/${body.id}/start`);
      await nodes[0].become(body.id, connected(`491512000${String(1000 + i)}`));
      sessions.push(body);
    }
    const said = sessions.map((_, i) => sayings(i, random));
    const batches = said.map((all) => batchesOf(all, random));
    const total = batches.reduce((sum, { length }) => sum + length, 0);
    let taken = 0;
    let crashed: Promise<void> | undefined;
    const note = () => {
      taken += 1;
      if (taken >= total * 0.4) crashed ??= crashDatabase();
    };
    await Promise.all(sessions.map((session, i) => deliver(session, batches[i] ?? [], note)));
    await crashed;
    expect(crashed).toBeDefined();

    for (const [i, session] of sessions.entries()) await compare(session, said[i] ?? []);
    const events = await eventsOf(apis[0], tenant.tenantId, 'message.received');
    const told = events.map(({ data }) => String(data.waMessageId)).sort();
    expect(told).toEqual(
      said
        .flat()
        .map(({ waMessageId }) => waMessageId)
        .sort(),
    );
    const problems = await apis[0].database.workerSql((query) =>
      query('SELECT kind, error FROM quarantined_facts'),
    );
    expect(problems).toEqual([]);
  }, 600_000);
});

/** Rows, chats and contacts of a session are exactly what was said, each chat in order under both ids. */
async function compare(session: SessionBody, said: readonly Said[]): Promise<void> {
  const rows = await allMessages(tenant, `/messages?session=${session.id}`);
  const facts = rows.map(({ waMessageId, occurredAt, text }) => ({ waMessageId, occurredAt, text }));
  facts.sort((a, b) => (a.occurredAt < b.occurredAt ? -1 : 1));
  const expected = said.map(({ waMessageId, timestamp }) => ({
    waMessageId,
    occurredAt: timestamp,
    text: `Text of ${waMessageId}`,
  }));
  expect(facts).toEqual(expected);
  const people = [...new Map(said.map(({ by }) => [by.lid, by])).values()];
  const path = (name: string) => `/${name}?session=${session.id}&limit=100`;
  const chats = await tenant.client.get<PageBody<{ lid: string; lastMessageAt: string }>>(path('chats'));
  const contacts = await tenant.client.get<PageBody<{ lid: string }>>(path('contacts'));
  expect([chats.body.data.length, contacts.body.data.length]).toEqual([people.length, people.length]);
  for (const two of people) {
    const own = said.filter(({ by }) => by === two);
    const ids = own.map(({ waMessageId }) => waMessageId);
    for (const form of [two.lid, two.phone]) {
      const found = await allMessages(tenant, `/chats/${form}/messages?session=${session.id}`);
      expect(found.map(({ waMessageId }) => waMessageId)).toEqual(ids);
    }
    const chat = chats.body.data.find(({ lid }) => lid === two.lid);
    expect(chat?.lastMessageAt).toBe(own.at(-1)?.timestamp);
  }
}
