import type { NetworkFrame, PageFrame, PageRequest } from '../wire.js';
import { pageError } from './errors.js';

const REQUEST_TIMEOUT_MS = 20_000;
const RETRY_MS = [50, 100, 200, 400, 800, 1_000];

export interface ConnectionEvents {
  /** The socket is open: say hello. */
  opened(): void;
  received(frame: NetworkFrame): void;
  lost(): void;
}

interface Waiting {
  resolve: (value: unknown) => void;
  reject: (error: Error) => void;
  timer: ReturnType<typeof setTimeout>;
}

/** The page's socket to the network; comes back by itself until it is told to stop. */
export class Connection {
  #socket: WebSocket | undefined;
  #stopped = false;
  #failures = 0;
  #lastRid = 0;
  readonly #waiting = new Map<number, Waiting>();

  constructor(private readonly events: ConnectionEvents) {}

  open(): void {
    this.#stopped = false;
    const socket = new WebSocket(`wss://${location.host}/ws`);
    this.#socket = socket;
    socket.onopen = () => this.events.opened();
    socket.onmessage = (event: MessageEvent<string>) => this.#receive(JSON.parse(event.data) as NetworkFrame);
    socket.onclose = () => this.#closed(socket);
  }

  /** False when there is no open socket; the frame is then not sent. */
  send(frame: PageFrame): boolean {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  /** @throws the page's error when the network refuses, or when it does not answer in time */
  request<T>(request: PageRequest): Promise<T> {
    const rid = (this.#lastRid += 1);
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => this.#fail(rid, 'no answer from the network', 408), REQUEST_TIMEOUT_MS);
      this.#waiting.set(rid, { resolve: (value) => resolve(value as T), reject, timer });
      if (!this.send({ t: 'request', rid, request })) this.#fail(rid, 'there is no connection', 503);
    });
  }

  /** Closes and stays closed until `open`. */
  stop(): void {
    this.#stopped = true;
    this.#socket?.close();
  }

  /** Closes and comes back. */
  reconnect(): void {
    const socket = this.#socket;
    if (this.#stopped || socket === undefined) this.open();
    else socket.close();
  }

  succeeded(): void {
    this.#failures = 0;
  }

  #receive(frame: NetworkFrame): void {
    if (frame.t !== 'reply') {
      this.events.received(frame);
      return;
    }
    if (frame.error !== undefined) {
      this.#fail(frame.rid, frame.error.message, frame.error.status);
      return;
    }
    const waiting = this.#waiting.get(frame.rid);
    this.#waiting.delete(frame.rid);
    clearTimeout(waiting?.timer);
    waiting?.resolve(frame.value);
  }

  #fail(rid: number, message: string, status: number): void {
    const waiting = this.#waiting.get(rid);
    this.#waiting.delete(rid);
    clearTimeout(waiting?.timer);
    waiting?.reject(pageError(message, { name: 'ServerStatusCodeError', status }));
  }

  #closed(socket: WebSocket): void {
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    for (const rid of this.#waiting.keys()) this.#fail(rid, 'the connection was lost', 503);
    this.events.lost();
    if (this.#stopped) return;
    const delay = RETRY_MS[Math.min(this.#failures, RETRY_MS.length - 1)];
    this.#failures += 1;
    setTimeout(() => {
      if (!this.#stopped && this.#socket === undefined) this.open();
    }, delay);
  }
}
