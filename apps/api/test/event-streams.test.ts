import { once } from 'node:events';
import { get, request as post, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { EventEnvelope } from '#contracts';
import { startApi, type TestApi, type TestTenant } from '../../../test/support/start-api.js';
import { EventStreamClient, waitFor } from '../../../test/support/index.js';
import { EventLog } from '../src/events/index.js';
import { happenTo, upTo } from './webhook-steps.js';

let api: TestApi;

beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api?.close());

const happen = (tenant: TestTenant, count: number, from = 0) => happenTo(api, tenant, count, { from });

function openStream(
  key: string,
  query = '',
  lastEventId?: string,
  base = api.baseUrl,
): Promise<EventStreamClient> {
  return EventStreamClient.open(base, key, { query, lastEventId });
}

const places = (events: EventEnvelope[]) => events.map(({ data }) => data['place']);

describe('an event stream', () => {
  it('gives what is kept and then what happens, in order', async () => {
    const tenant = await api.createTenant();
    await happen(tenant, 3);
    const stream = await openStream(tenant.key, '?after=0');
    expect(stream.response.headers['content-type']).toBe('text/event-stream; charset=utf-8');
    expect(stream.response.headers['cache-control']).toBe('no-store');
    await waitFor(() => stream.events.length === 3, { what: 'what is kept' });
    await happen(tenant, 2, 3);
    await waitFor(() => stream.events.length === 5, { what: 'what happens' });
    expect(places(stream.events)).toEqual(upTo(5));
    expect(stream.events.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5]);
    stream.close();
  });

  it('begins with what happens now unless told otherwise', async () => {
    const tenant = await api.createTenant();
    await happen(tenant, 2);
    await waitFor(
      async () => (await tenant.client.get<{ data: unknown[] }>('/events')).body.data.length === 2,
      { what: 'the events before' },
    );
    const stream = await openStream(tenant.key);
    await happen(tenant, 1, 2);
    await waitFor(() => stream.events.length === 1, { what: 'the event' });
    expect(places(stream.events)).toEqual([2]);
    stream.close();
  });

  it('cut off a hundred times at random and resumed gives each event exactly once', async () => {
    const tenant = await api.createTenant();
    const total = 1_000;
    const writing = (async () => {
      for (let from = 0; from < total; from += 10) await happen(tenant, 10, from);
    })();
    const seen: EventEnvelope[] = [];
    let lastEventId = '0';
    for (let cuts = 0; cuts < 100; cuts += 1) {
      const stream = await openStream(tenant.key, '', lastEventId);
      const enough = 1 + Math.floor(Math.random() * 15);
      const isLast = seen.length >= total;
      if (!isLast)
        await waitFor(() => stream.events.length >= Math.min(enough, total - seen.length), {
          what: 'events',
        });
      stream.close();
      await waitFor(() => stream.ended, { what: 'the end' });
      seen.push(...stream.events);
      lastEventId = stream.lastEventId ?? lastEventId;
    }
    await writing;
    const rest = await openStream(tenant.key, '', lastEventId);
    await waitFor(() => seen.length + rest.events.length >= total, { what: 'the rest' });
    rest.close();
    seen.push(...rest.events);
    expect(places(seen)).toEqual(upTo(total));
    expect(seen.map(({ seq }) => seq)).toEqual(upTo(total).map((i) => i + 1));
  });

  it('ends when its key is revoked', async () => {
    const tenant = await api.createTenant();
    const other = await api.createKey(tenant.tenantId);
    const stream = await openStream(other.key);
    const socket = await connect(other.key);
    await tenant.client.request('DELETE', `/api-keys/${other.keyId}`);
    const revokedMs = performance.now();
    await waitFor(() => stream.ended && socket.closed !== undefined, { what: 'the streams to end' });
    expect(performance.now() - revokedMs).toBeLessThan(20_000);
    expect(socket.closed).toBe(1008);
  });

  it('that its client does not read is cut off when its key is revoked, and does not keep the process', async () => {
    const own = await startApi();
    const sockets: Socket[] = [];
    const server: Server = own.app.getHttpServer();
    server.on('connection', (socket: Socket) => sockets.push(socket));
    const tenant = await own.createTenant();
    const other = await own.createKey(tenant.tenantId);
    const log = own.app.get(EventLog, { strict: false });
    for (let i = 0; i < 20; i += 1) {
      const events = Array.from({ length: 500 }, () => ({
        tenantId: tenant.tenantId,
        sessionId: null,
        type: 'limit.reached' as const,
        data: { filler: 'x'.repeat(2_000) },
      }));
      await own.database.workerSql((query) => log.append(query, events));
    }
    const streams = [other, tenant].map(({ key }) =>
      get(`${own.baseUrl}/api/v1/events/stream?after=0`, {
        headers: { authorization: `Bearer ${key}` },
        agent: false,
      }),
    );
    const responses = await Promise.all(
      streams.map(async (request) => {
        request.on('error', () => undefined);
        const [response] = (await once(request, 'response')) as [IncomingMessage];
        response.on('error', () => undefined);
        return response;
      }),
    );
    // A client that does not read does not notice: the server's end of the connection tells.
    const port = responses[0]!.socket.localPort;
    const cut = once(
      sockets.find(({ remotePort }) => remotePort === port)!,
      'close',
    );
    await tenant.client.request('DELETE', `/api-keys/${other.keyId}`);
    await cut;
    await own.close();
    for (const request of streams) request.destroy();
  });

  it('tells nothing of another tenant, of sessions that are not the key’s, of other types', async () => {
    const [tenant, foreign] = [await api.createTenant(), await api.createTenant()];
    const { body: session } = await tenant.client.post<{ id: string }>('/sessions');
    expect((await openStream(foreign.key, `?session=${session.id}`)).status).toBe(404);
    const bound = await api.createKey(tenant.tenantId, { sessionIds: [session.id] });
    const streams = [
      await openStream(foreign.key, '?after=0'),
      await openStream(bound.key, '?after=0'),
      await openStream(tenant.key, '?after=0&types=message.received,message.sent'),
    ];
    const all = await openStream(tenant.key, '?after=0');
    await happen(tenant, 3);
    await happen(foreign, 1);
    await waitFor(() => all.events.length === 3 && streams[0]?.events.length === 1, { what: 'the events' });
    expect(streams.map(({ events }) => events.length)).toEqual([1, 0, 0]);
    for (const stream of [...streams, all]) stream.close();
  });

  it.each(['?after=-1', '?after=x', '?types=message.unheard', '?type=message.sent'])(
    'refuses %s',
    async (query) => {
      const tenant = await api.createTenant();
      const refused = await openStream(tenant.key, query);
      await waitFor(() => refused.ended, { what: 'the answer' });
      expect(JSON.parse(refused.text)).toMatchObject({ status: 400, code: 'invalid_request' });
    },
  );

  it.each([
    ['?after=4', undefined],
    ['', '4'],
  ])('refuses a number that no event has yet: "%s", Last-Event-ID %s', async (query, lastEventId) => {
    const tenant = await api.createTenant();
    await happen(tenant, 3);
    const all = await openStream(tenant.key, '?after=0');
    await waitFor(() => all.events.length === 3, { what: 'the events' });
    all.close();
    const refused = await openStream(tenant.key, query, lastEventId);
    await waitFor(() => refused.ended, { what: 'the answer' });
    expect(JSON.parse(refused.text)).toMatchObject({ status: 409, code: 'unknown_seq' });
  });

  it('ends with its process, at once', async () => {
    const own = await startApi();
    const tenant = await own.createTenant();
    const stream = await openStream(tenant.key, '', undefined, own.baseUrl);
    const socket = await connect(tenant.key, '', own.baseUrl);
    const closing = own.close();
    await waitFor(() => stream.ended && socket.closed === 1001, { what: 'the streams to end' });
    await closing;
  });
});

interface Connection {
  socket: WebSocket;
  events: EventEnvelope[];
  closed: number | undefined;
}

async function connect(key: string, query = '', base = api.baseUrl): Promise<Connection> {
  const socket = new WebSocket(`${base.replace('http', 'ws')}/api/v1/events/ws${query}`, {
    headers: { authorization: `Bearer ${key}` },
  });
  const connection: Connection = { socket, events: [], closed: undefined };
  socket.on('message', (data: Buffer) =>
    connection.events.push(JSON.parse(data.toString()) as EventEnvelope),
  );
  socket.on('close', (code) => (connection.closed = code));
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  return connection;
}

describe('an event socket', () => {
  it('gives each event as one message, and goes on where its client stopped', async () => {
    const tenant = await api.createTenant();
    const first = await connect(tenant.key, '?after=0');
    await happen(tenant, 5);
    await waitFor(() => first.events.length === 5, { what: 'the events' });
    first.socket.close();
    await happen(tenant, 5, 5);
    const second = await connect(tenant.key, '?after=5');
    await waitFor(() => second.events.length === 5, { what: 'the rest' });
    expect(places([...first.events, ...second.events])).toEqual(upTo(10));
    second.socket.close();
  });

  it('is refused behind a number that no event has yet', async () => {
    const tenant = await api.createTenant();
    await expect(connect(tenant.key, '?after=1')).rejects.toThrow('409');
  });

  it.each([
    ['without a key', '', 401],
    ['with a wrong key', 'wg_test_aaaaaaaaaa_bbbb', 401],
  ])('is refused %s', async (_name, key, status) => {
    await expect(connect(key)).rejects.toThrow(String(status));
  });

  it.each(['h2c', 'websocket'])(
    'is nothing to a request that only says it would like %s',
    async (protocol) => {
      const tenant = await api.createTenant();
      const headers = {
        authorization: `Bearer ${tenant.key}`,
        'content-type': 'application/json',
        connection: 'Upgrade',
        upgrade: protocol,
      };
      const body = JSON.stringify({ name: 'kept', scopes: ['messages:send'] });
      const request = post(`${api.baseUrl}/api/v1/api-keys`, { method: 'POST', headers, agent: false });
      request.end(body);
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      expect(response.statusCode).toBe(201);
      expect(JSON.parse(await text(response))).toMatchObject({ name: 'kept' });
    },
  );

  it('is refused for what it may not see, and to clients that do not upgrade', async () => {
    const tenant = await api.createTenant();
    await expect(connect(tenant.key, '?session=none')).rejects.toThrow('404');
    expect((await tenant.client.get('/events/ws')).body).toMatchObject({
      status: 426,
      code: 'upgrade_required',
    });
  });
});
