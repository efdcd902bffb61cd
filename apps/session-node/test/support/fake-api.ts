import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  eventBatchSchema,
  heartbeatSchema,
  type HeartbeatAnswer,
  type NodeEvent,
  type NodeFact,
} from '#contracts';
import { SignatureVerifier } from '#runtime';

type FactOf<K extends NodeFact['kind']> = Extract<NodeFact, { kind: K }>;

/** The node's outside world: an api that takes events and heartbeats, and remembers them. */
export class FakeApi {
  readonly events: NodeEvent[] = [];
  assigned: HeartbeatAnswer['sessions'] = [];
  staleSessions: string[] = [];
  /** Batches with such an event are answered 422. */
  refuses: (event: NodeEvent) => boolean = () => false;
  heartbeats = 0;
  unsigned = 0;
  /** While false, every request is answered 503. */
  isUp = true;
  private server: Server | undefined;
  private readonly verifier: SignatureVerifier;

  constructor(secret: string) {
    this.verifier = new SignatureVerifier(secret);
  }

  async start(): Promise<string> {
    this.server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const [status, body] = this.answer(request.url ?? '', Buffer.concat(chunks), request.headers);
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      });
    });
    await new Promise<void>((resolve) => this.server?.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server?.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    const { server } = this;
    server?.closeAllConnections();
    await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
  }

  factsOf<K extends NodeFact['kind']>(kind: K, sessionId: string): FactOf<K>[] {
    return this.events
      .filter((event) => event.sessionId === sessionId && event.fact.kind === kind)
      .map((event) => event.fact as FactOf<K>);
  }

  private answer(path: string, body: Buffer, headers: Record<string, unknown>): [number, unknown] {
    if (!this.verifier.verify({ method: 'POST', path, body }, headers)) {
      this.unsigned += 1;
      return [401, {}];
    }
    if (!this.isUp) return [503, {}];
    const content: unknown = JSON.parse(body.toString());
    if (path === '/internal/events') {
      const { events } = eventBatchSchema.parse(content);
      if (events.some((event) => this.refuses(event))) return [422, {}];
      this.events.push(...events);
      return [200, { staleSessions: this.staleSessions }];
    }
    heartbeatSchema.parse(content);
    this.heartbeats += 1;
    return [200, { sessions: this.assigned }];
  }
}
