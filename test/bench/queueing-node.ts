import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Heartbeat, SessionAddress, SessionSnapshot } from '#contracts';
import { signRequest } from '#runtime';
import type { HttpClient } from '../support/http-client.js';
import { waitForState, type SessionView } from '../support/session-steps.js';
import type { BenchStack } from './bench-stack.js';

const HEARTBEAT_MS = 3_000;
const HOLD_SEND_MS = 20_000;
const HEARTBEAT_PATH = '/internal/nodes/heartbeat';
const PHONE = '4915112000000';

/**
 * Stands where the session-node stands, has every session connected and takes no message: each send is held for 20 s
 * and then answered "not now". So accepts can be measured with a full queue and a dispatcher at work, and without
 * browsers on the same cores.
 */
export class QueueingNode {
  private readonly sessions = new Map<string, SessionAddress>();
  private readonly connectedSince = new Date().toISOString();
  private timer: NodeJS.Timeout | undefined;

  private constructor(
    private readonly server: Server,
    private readonly stack: BenchStack,
  ) {}

  static async start(stack: BenchStack): Promise<QueueingNode> {
    const server = createServer();
    const node = new QueueingNode(server, stack);
    server.on('request', (request, response) => {
      node.answer(request, response).catch((error: unknown) => response.destroy(error as Error));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    await node.beat();
    node.timer = setInterval(() => void node.beat().catch(() => undefined), HEARTBEAT_MS);
    return node;
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }

  /** Creates and starts a session; gives its id once it is connected. */
  async linkSession(client: HttpClient): Promise<string> {
    const { status, body, bytes } = await client.post<SessionView>('/sessions', { name: 'bench' });
    if (status !== 201) throw new Error(`no session: ${bytes.toString()}`);
    await client.post(`/sessions/${body.id}/start`);
    await waitForState(client, body.id, 'connected');
    return body.id;
  }

  private snapshot(): SessionSnapshot {
    return {
      state: 'connected',
      reason: 'ready',
      action: null,
      detail: null,
      since: this.connectedSince,
      provenAt: new Date().toISOString(),
      me: { phone: PHONE, waId: `${PHONE}@c.us`, lid: null, name: 'Bench' },
    };
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const command = request.url?.split('/').pop() ?? '';
    const reply = (status: number, body: object) => {
      if (response.destroyed) return;
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    if (command === 'message.send') {
      const busy = { outcome: 'not_sent', retry: true, code: 'busy', reason: 'a bench holds it' };
      setTimeout(reply, HOLD_SEND_MS, 200, busy).unref();
    } else if (command === 'session.start') {
      const { tenantId, sessionId, epoch } = JSON.parse(Buffer.concat(chunks).toString()) as SessionAddress;
      this.sessions.set(sessionId, { tenantId, sessionId, epoch });
      reply(200, { snapshot: this.snapshot() });
    } else {
      reply(503, { code: 'service_unavailable', message: `${command} is not played` });
    }
  }

  private async beat(): Promise<void> {
    const { port } = this.server.address() as AddressInfo;
    const heartbeat: Heartbeat = {
      name: 'node-1',
      url: `http://127.0.0.1:${String(port)}`,
      capacity: 50,
      bootId: this.connectedSince,
      sandbox: true,
      sessions: [...this.sessions.values()].map((address) => ({ ...address, snapshot: this.snapshot() })),
    };
    const body = JSON.stringify(heartbeat);
    const response = await fetch(this.stack.baseUrl + HEARTBEAT_PATH, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...signRequest(this.stack.internalSecret, { method: 'POST', path: HEARTBEAT_PATH, body }),
      },
      body,
      signal: AbortSignal.timeout(5_000),
    });
    if (!response.ok) throw new Error(`heartbeat: ${String(response.status)} ${await response.text()}`);
  }
}
