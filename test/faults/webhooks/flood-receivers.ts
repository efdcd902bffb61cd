import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a bad receiver does with a post. */
export const BAD_KINDS = ['dead', 'hanging', 'redirecting', 'huge', 'failing', 'flapping'] as const;
export type BadKind = (typeof BAD_KINDS)[number];

const MIB = Buffer.alloc(1024 * 1024, 'x');

/** All receivers of a flood in one server; which one a post is for stands in its path. */
export class FloodReceivers {
  /** By receiver: the `seq` of each event it took, and how often. */
  readonly taken = new Map<string, Map<number, number>>();
  /** Milliseconds from an event's making to its arrival, at receivers that take everything. */
  readonly latenciesMs: number[] = [];
  posts = 0;
  private flaps = 0;
  private readonly server: Server;

  private constructor() {
    this.server = createServer((request, response) => {
      const [, kind = '', name = ''] = (request.url ?? '').split('/');
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => this.answer(kind, name, Buffer.concat(chunks).toString(), response));
      request.on('error', () => undefined);
    });
  }

  static async start(): Promise<FloodReceivers> {
    const receivers = new FloodReceivers();
    receivers.server.listen(0, '127.0.0.1');
    await once(receivers.server, 'listening');
    return receivers;
  }

  urlOf(kind: BadKind | 'healthy', name: string): string {
    if (kind === 'dead') return 'http://127.0.0.1:9/';
    return `http://127.0.0.1:${String((this.server.address() as AddressInfo).port)}/${kind}/${name}`;
  }

  async close(): Promise<void> {
    this.server.close();
    this.server.closeAllConnections();
    await once(this.server, 'close');
  }

  private answer(kind: string, name: string, body: string, response: ServerResponse): void {
    this.posts += 1;
    response.on('error', () => undefined);
    if (kind === 'hanging') return;
    if (kind === 'redirecting') response.writeHead(302, { location: '/healthy/nobody' }).end();
    else if (kind === 'failing') response.writeHead(500).end();
    else if (kind === 'huge') pour(response);
    else if (kind === 'flapping' && (this.flaps += 1) % 3 === 0) response.writeHead(503).end();
    else this.take(kind, name, body, response);
  }

  private take(kind: string, name: string, body: string, response: ServerResponse): void {
    const { seq, createdAt } = JSON.parse(body) as { seq: number; createdAt: string };
    const taken = this.taken.get(name) ?? new Map<number, number>();
    this.taken.set(name, taken.set(seq, (taken.get(seq) ?? 0) + 1));
    if (kind === 'healthy') this.latenciesMs.push(Date.now() - Date.parse(createdAt));
    response.end();
  }
}

/** A gigabyte, as far as anybody takes it. */
function pour(response: ServerResponse): void {
  let left = 1024;
  const more = () => {
    while (left > 0 && response.write(MIB)) left -= 1;
    if (left <= 0) response.end();
    else left -= 1;
  };
  response.on('drain', more);
  response.writeHead(200);
  more();
}
