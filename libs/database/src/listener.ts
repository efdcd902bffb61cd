import pg from 'pg';
import { AppError, backoff } from '#kernel';
import { connectionConfig, type DatabaseSettings } from './settings.js';

/** Gets the payload of a notification, or null after a gap in which some may have been missed. */
export type NotificationHandler = (payload: string | null) => void;

const CHANNEL = /^[a-z][a-z0-9_]{0,62}$/;
/** A dead peer shows no sign on a connection that only waits, so it is asked for one. */
const PROBE_EVERY_MS = 15_000;

/** One connection that waits for NOTIFY, for all channels of the process; it comes back by itself when lost. */
export class DatabaseListener {
  private readonly handlers = new Map<string, Set<NotificationHandler>>();
  private client: pg.Client | undefined;
  private connecting: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private failures = 0;
  private closed = false;
  private lastReason: string | undefined;

  constructor(private readonly settings: DatabaseSettings) {}

  /** Resolves once the channel is heard; throws AppError `service_unavailable` when the database is away now. */
  async listen(channel: string, handler: NotificationHandler): Promise<() => Promise<void>> {
    if (!CHANNEL.test(channel)) throw new TypeError(`not a channel name: ${channel}`);
    const handlers = this.handlers.get(channel) ?? new Set();
    const isNew = handlers.size === 0;
    handlers.add(handler);
    this.handlers.set(channel, handlers);
    try {
      if (!this.client) await this.connectOnce();
      else if (isNew) await this.client.query(`LISTEN ${channel}`);
    } catch (cause) {
      handlers.delete(handler);
      throw new AppError('service_unavailable', 'the database is not available; try again', { cause });
    }
    return () => this.forget(channel, handler);
  }

  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    const client = this.client;
    this.client = undefined;
    this.handlers.clear();
    await client?.end();
  }

  private async forget(channel: string, handler: NotificationHandler): Promise<void> {
    const handlers = this.handlers.get(channel);
    handlers?.delete(handler);
    if (handlers?.size !== 0) return;
    this.handlers.delete(channel);
    await this.client?.query(`UNLISTEN ${channel}`).catch((error: Error) => this.lost(this.client, error));
  }

  private connectOnce(): Promise<void> {
    this.connecting ??= this.connect().finally(() => (this.connecting = undefined));
    return this.connecting;
  }

  private async connect(): Promise<void> {
    const client = new pg.Client(connectionConfig(this.settings));
    client.on('error', (error) => this.lost(client, error));
    client.on('end', () => this.lost(client));
    client.on('notification', ({ channel, payload }) => {
      for (const handler of this.handlers.get(channel) ?? []) handler(payload ?? '');
    });
    try {
      await client.connect();
      for (const channel of this.handlers.keys()) await client.query(`LISTEN ${channel}`);
    } catch (error) {
      client.end().catch(() => undefined);
      throw error;
    }
    if (this.closed) {
      await client.end();
      return;
    }
    this.client = client;
    this.failures = 0;
    this.scheduleProbe(client);
  }

  private scheduleProbe(client: pg.Client): void {
    this.timer = setTimeout(() => {
      client.query('SELECT 1').then(
        () => {
          if (this.client === client) this.scheduleProbe(client);
        },
        (error: Error) => this.lost(client, error),
      );
    }, PROBE_EVERY_MS);
    this.timer.unref();
  }

  private lost(client: pg.Client | undefined, error?: Error): void {
    if (this.closed || !client || this.client !== client) return;
    this.client = undefined;
    this.settings.notice?.('the connection that hears the database is lost; changes are seen late', error);
    clearTimeout(this.timer);
    client.end().catch(() => undefined);
    this.reconnectLater();
  }

  private reconnectLater(): void {
    const waitMs = backoff(this.failures, { baseMs: 200, maxMs: 5_000 });
    this.failures += 1;
    this.timer = setTimeout(() => {
      if (this.closed) return;
      this.connectOnce().then(
        () => this.regained(),
        (error: unknown) => this.failedAgain(error),
      );
    }, waitMs);
  }

  private regained(): void {
    if (this.closed) return;
    this.lastReason = undefined;
    this.settings.notice?.('the connection that hears the database is back');
    this.tellAll();
  }

  /** A reason is told once: why it was lost and why it does not come back (a changed password, say) may differ. */
  private failedAgain(error: unknown): void {
    const reason = String(error);
    if (reason !== this.lastReason)
      this.settings.notice?.('the connection that hears the database does not come back yet', error);
    this.lastReason = reason;
    this.reconnectLater();
  }

  private tellAll(): void {
    for (const handlers of this.handlers.values()) for (const handler of handlers) handler(null);
  }
}
