import { Emitter } from './events.js';
import { Model } from './model.js';

/** `WAWebSocketModel.Socket`: the connection's state, and whether what was queued has arrived. */
export class SocketModel extends Model {
  declare state: string;
  declare hasSynced: boolean;
  /** Set by the session, which knows how. */
  logout: () => Promise<void> = notReady;
  takeover: () => void = notReady;
  reconnect: () => void = notReady;

  constructor() {
    super({ state: 'OPENING', hasSynced: false, stream: 'DISCONNECTED' });
    for (const name of ['logout', 'takeover', 'reconnect']) {
      Object.defineProperty(this, name, { enumerable: false, writable: true });
    }
  }
}

/** `WAWebStreamModel.Stream` */
export class StreamModel extends Model {
  declare mode: 'QR' | 'SYNCING' | 'MAIN' | 'OFFLINE';
  declare available: boolean;

  constructor() {
    super({ mode: 'QR', info: 'OPENING', displayInfo: 'OPENING', available: false });
  }

  markAvailable(): void {
    this.available = true;
  }

  markUnavailable(): void {
    this.available = false;
  }
}

/** `WAWebConnModel.Conn` */
export class ConnModel extends Model {
  declare ref: string | undefined;
  declare pushname: string;

  constructor() {
    super({
      ref: undefined,
      platform: 'android',
      pushname: '',
      battery: 100,
      plugged: false,
      phone: undefined,
    });
  }

  canSetMyPushname(): boolean {
    return true;
  }
}

/** `WAWebCmd.Cmd`: events, and actions that other parts of the page add. */
export class Cmd extends Emitter {
  [action: string]: unknown;
}

function notReady(): never {
  throw new Error('the page has not started yet');
}

export const socket = new SocketModel();
export const stream = new StreamModel();
export const conn = new ConnModel();
export const cmd = new Cmd();
