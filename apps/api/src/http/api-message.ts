import { IncomingMessage } from 'node:http';
import { API_PREFIX } from './request.js';

/** The one path at which a connection may become a WebSocket. */
export const SOCKET_PATH = `${API_PREFIX}/events/ws`;

/**
 * A request whose wish for another protocol counts only where there is one. Node gives up reading the body of whatever
 * says `Upgrade` once a server listens for upgrades, and some clients (Java's, for h2c) say so with every request.
 */
export class ApiMessage extends IncomingMessage {
  private wish: boolean | null = null;

  // Node sets and reads this field of every request (lib/_http_server.js).
  get upgrade(): boolean {
    if (!this.wish) return false;
    const [path] = (this.url ?? '').split('?');
    return path === SOCKET_PATH && /^websocket$/i.test(this.headers.upgrade ?? '');
  }

  set upgrade(wish: boolean | null) {
    this.wish = wish;
  }
}
