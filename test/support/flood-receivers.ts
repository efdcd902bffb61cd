import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { PostParser } from './post-parser.js';
import { SeqTally } from './seq-tally.js';

/** What a bad receiver does with a post. */
export const BAD_KINDS = ['dead', 'hanging', 'slow', 'redirecting', 'huge', 'failing', 'flapping'] as const;
export type BadKind = (typeof BAD_KINDS)[number];

/** The events of a flood; those of other types are only timed. */
export const FLOOD_TYPE = 'limit.reached';

/** What receivers have seen so far. */
export interface ReceiverReport {
  /** Posts to all of them. */
  posts: number;
  /** Posts to the healthy ones. */
  healthyPosts: number;
  /** By receiver: events of the flood, each once, and those that came once more. */
  seen: Record<string, { unique: number; repeated: number }>;
}

export interface Receivers {
  port: number;
  report(): Promise<ReceiverReport>;
  /** Milliseconds from an event's making to its arrival at a healthy receiver, of other events; starts anew. */
  takeLatencies(): Promise<number[]>;
  close(): Promise<void>;
}

/** URL of a receiver; which one a post is for stands in its path. */
export function urlOfReceiver(port: number, kind: BadKind | 'healthy', name: string): string {
  return `http://127.0.0.1:${String(kind === 'dead' ? 9 : port)}/${kind}/${name}`;
}

const SLOW_MS = 2_000;
const GIGABYTE = 1024 ** 3;
const PIECE = Buffer.alloc(65_536, 'x');

/** All receivers of a flood in one server, as cheap as can be: they share the machine with what they measure. */
export class FloodReceivers implements Receivers {
  private readonly tallies = new Map<string, SeqTally>();
  private latencies: number[] = [];
  private readonly sockets = new Set<Socket>();
  private posts = 0;
  private healthyPosts = 0;
  private flaps = 0;

  private constructor(private readonly server: Server) {
    server.on('connection', (socket: Socket) => this.serve(socket));
  }

  static async start(): Promise<FloodReceivers> {
    const server = createServer({ noDelay: true });
    const receivers = new FloodReceivers(server);
    server.listen(0, '127.0.0.1', 4_096);
    await once(server, 'listening');
    return receivers;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  report(): Promise<ReceiverReport> {
    const { posts, healthyPosts } = this;
    const seen = [...this.tallies].map(([name, { unique, repeated }]) => [name, { unique, repeated }]);
    return Promise.resolve({
      posts,
      healthyPosts,
      seen: Object.fromEntries(seen) as ReceiverReport['seen'],
    });
  }

  takeLatencies(): Promise<number[]> {
    const { latencies } = this;
    this.latencies = [];
    return Promise.resolve(latencies);
  }

  async close(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  private serve(socket: Socket): void {
    const parser = new PostParser();
    this.sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('data', (chunk) => {
      for (const { path, body } of parser.take(chunk)) {
        const [, kind = '', name = ''] = path.split('/');
        this.answer(kind, name, body, socket);
      }
    });
  }

  private answer(kind: string, name: string, body: string, socket: Socket): void {
    this.posts += 1;
    if (kind === 'hanging') return;
    if (kind === 'redirecting') reply(socket, '302 Found', '\r\nLocation: /healthy/nobody');
    else if (kind === 'failing') reply(socket, '500 Internal Server Error');
    else if (kind === 'huge') pour(socket);
    else if (kind === 'flapping' && (this.flaps += 1) % 3 === 0) reply(socket, '503 Service Unavailable');
    else if (kind === 'slow') setTimeout(() => this.take(kind, name, body, socket), SLOW_MS).unref();
    else this.take(kind, name, body, socket);
  }

  private take(kind: string, name: string, body: string, socket: Socket): void {
    const { seq, type, createdAt } = JSON.parse(body) as { seq: number; type: string; createdAt: string };
    if (kind === 'healthy') this.healthyPosts += 1;
    if (type === FLOOD_TYPE) {
      const tally = this.tallies.get(name) ?? new SeqTally();
      this.tallies.set(name, tally);
      tally.add(seq);
    } else if (kind === 'healthy') this.latencies.push(Date.now() - Date.parse(createdAt));
    reply(socket, '200 OK');
  }
}

function reply(socket: Socket, status: string, header = ''): void {
  if (socket.writable) socket.write(`HTTP/1.1 ${status}${header}\r\nContent-Length: 0\r\n\r\n`);
}

/** A gigabyte, as far as anybody takes it. */
function pour(socket: Socket): void {
  let left = GIGABYTE;
  socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${String(GIGABYTE)}\r\n\r\n`);
  // Piece by piece, so that little is on its way when the other side hangs up.
  const more = () => {
    if (left <= 0 || !socket.writable) return;
    left -= PIECE.length;
    socket.write(PIECE, () => setImmediate(more));
  };
  more();
}
