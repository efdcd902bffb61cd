import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  ERROR_STATUS,
  NODE_COMMANDS,
  type ErrorCode,
  type HeartbeatAnswer,
  type NodeCommand,
  type NodeFact,
  type NodeRequest,
  type NodeResponse,
  type SessionAddress,
  type SessionSnapshot,
} from '#contracts';
import { SignatureVerifier, signRequest } from '#runtime';
import type { TestApi } from '../../../test/support/start-api.js';

/** A refusal as a node gives it. */
export class Refusal {
  constructor(
    readonly code: ErrorCode,
    readonly outcome?: 'not_sent' | 'unknown',
  ) {}
}

type Script<C extends NodeCommand> = (
  request: NodeRequest<C>,
) => NodeResponse<C> | Refusal | Promise<NodeResponse<C> | Refusal>;
type Scripts = { [C in NodeCommand]?: Script<C> };

export function snapshot(changes: Partial<SessionSnapshot> = {}): SessionSnapshot {
  const since = new Date().toISOString();
  return {
    state: 'starting',
    reason: 'launching',
    action: null,
    detail: null,
    since,
    provenAt: null,
    me: null,
    ...changes,
  };
}

export function connected(phone: string, changes: Partial<SessionSnapshot> = {}): SessionSnapshot {
  const me = { phone, waId: `${phone}@c.us`, lid: null, name: 'Test phone' };
  return snapshot({
    state: 'connected',
    reason: 'ready',
    provenAt: new Date().toISOString(),
    me,
    ...changes,
  });
}

/**
 * The outside world: a session-node as the api meets it over HTTP, with real signatures, that does what a test says.
 * Unless told otherwise it obeys commands at once and never links to anything by itself.
 */
export class ScriptedNode {
  readonly calls: { command: NodeCommand; request: SessionAddress & Record<string, unknown> }[] = [];
  readonly sessions = new Map<string, SessionAddress & { snapshot: SessionSnapshot }>();
  readonly scripts: Scripts = {};
  bootId = 'boot-1';
  capacity = 50;
  private server: Server | undefined;
  private port = 0;
  private readonly verifier: SignatureVerifier;

  constructor(
    private readonly api: TestApi,
    readonly name: string,
  ) {
    this.verifier = new SignatureVerifier(api.config.INTERNAL_SECRET);
  }

  get url(): string {
    return `http://127.0.0.1:${String(this.port)}`;
  }

  /** Listens (on its port of before, if it had one) unless it does, and tells the api that it lives. */
  async start(): Promise<this> {
    if (!this.server) await this.listen();
    await this.heartbeat();
    return this;
  }

  private async listen(): Promise<void> {
    this.server = createServer((request, response) => void this.serve(request, response));
    this.server.listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = (this.server.address() as AddressInfo).port;
  }

  /** Nobody answers any more. */
  async stop(): Promise<void> {
    const server = this.server;
    this.server = undefined;
    if (!server) return;
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }

  async heartbeat(): Promise<HeartbeatAnswer> {
    const answer = await this.post('/internal/nodes/heartbeat', {
      name: this.name,
      url: this.url,
      capacity: this.capacity,
      bootId: this.bootId,
      sandbox: true,
      sessions: [...this.sessions.values()],
    });
    if (answer.status !== 200) throw new Error(`heartbeat was answered ${String(answer.status)}`);
    return (await answer.json()) as HeartbeatAnswer;
  }

  /** Reports facts of sessions; resolves with the sessions that the api calls stale. */
  async report(...events: (SessionAddress & { fact: NodeFact })[]): Promise<string[]> {
    const answer = await this.post('/internal/events', { nodeName: this.name, events });
    if (answer.status !== 200) throw new Error(`events were answered ${String(answer.status)}`);
    return ((await answer.json()) as { staleSessions: string[] }).staleSessions;
  }

  /** The session is in this state from now on, and the api hears of it. */
  async become(sessionId: string, state: SessionSnapshot): Promise<string[]> {
    const known = this.addressOf(sessionId);
    this.sessions.set(sessionId, { ...known, snapshot: state });
    return this.report({ ...known, fact: { kind: 'session.state', snapshot: state } });
  }

  addressOf(sessionId: string): SessionAddress {
    const known = this.sessions.get(sessionId);
    if (!known) throw new Error(`this node has no session ${sessionId}`);
    return { tenantId: known.tenantId, sessionId, epoch: known.epoch };
  }

  callsOf(command: NodeCommand): (SessionAddress & Record<string, unknown>)[] {
    return this.calls.filter((call) => call.command === command).map((call) => call.request);
  }

  post(path: string, content: unknown, secret = this.api.config.INTERNAL_SECRET): Promise<Response> {
    const body = JSON.stringify(content);
    const headers = {
      'content-type': 'application/json',
      ...signRequest(secret, { method: 'POST', path, body }),
    };
    return fetch(this.api.baseUrl + path, {
      method: 'POST',
      body,
      headers,
      signal: AbortSignal.timeout(30_000),
    });
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString('utf8');
    const path = request.url ?? '';
    const command = path.replace('/internal/commands/', '') as NodeCommand;
    const signed = this.verifier.verify({ method: request.method ?? '', path, body }, request.headers);
    if (!signed || !NODE_COMMANDS[command]) {
      this.answer(response, new Refusal(signed ? 'not_found' : 'unauthenticated'));
      return;
    }
    const parsed = NODE_COMMANDS[command].request.parse(JSON.parse(body));
    this.calls.push({ command, request: { ...parsed } });
    const script = this.scripts[command] as ((given: never) => object | Promise<object>) | undefined;
    this.answer(response, script ? await script(parsed as never) : this.obey(command, parsed));
  }

  private answer(response: ServerResponse, answer: object): void {
    const refused = answer instanceof Refusal;
    const body = refused
      ? { code: answer.code, message: 'the node refuses', outcome: answer.outcome }
      : answer;
    response.writeHead(refused ? ERROR_STATUS[answer.code] : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  }

  private obey(command: NodeCommand, address: SessionAddress): object {
    switch (command) {
      case 'session.start':
        return this.enter(address, this.running(address.sessionId) ?? snapshot());
      case 'session.restart':
        return this.enter(address, snapshot());
      case 'session.stop':
        return this.enter(address, snapshot({ state: 'stopped', reason: 'requested', action: 'start' }));
      case 'session.logout':
        return this.enter(address, snapshot({ state: 'logged_out', reason: 'logged_out', action: 'relink' }));
      case 'session.delete':
        this.sessions.delete(address.sessionId);
        return {};
      default:
        return new Refusal('channel_cannot');
    }
  }

  private running(sessionId: string): SessionSnapshot | undefined {
    const state = this.sessions.get(sessionId)?.snapshot;
    return state && !['stopped', 'logged_out', 'failed'].includes(state.state) ? state : undefined;
  }

  private enter({ tenantId, sessionId, epoch }: SessionAddress, state: SessionSnapshot): object {
    this.sessions.set(sessionId, { tenantId, sessionId, epoch, snapshot: state });
    return { snapshot: state };
  }
}
