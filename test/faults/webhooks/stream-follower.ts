import { setTimeout as delay } from 'node:timers/promises';
import { EventStreamClient } from '../../support/event-stream-client.js';

const LOOK_EVERY_MS = 20;

/**
 * Follows a tenant's events by server-sent events. When its process ends it goes on at the other one, behind the last
 * `seq` it has. Every event has to come exactly once and in its order, whatever happens.
 */
export class StreamFollower {
  lastSeq = 0;
  /** Events that did not follow on the one before. */
  wrong = 0;
  /** How often it had to come back. */
  resumed = 0;
  private stopped = false;
  private readonly following: Promise<void>;

  constructor(
    private readonly baseUrls: readonly string[],
    private readonly key: string,
    private at: number,
  ) {
    this.following = this.follow();
    this.following.catch(() => undefined);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.following;
  }

  private async follow(): Promise<void> {
    while (!this.stopped) {
      const client = await this.open();
      while (client && !this.take(client) && !this.stopped) await delay(LOOK_EVERY_MS);
      client?.close();
      if (client && !this.stopped) this.resumed += 1;
      if (!client) await delay(LOOK_EVERY_MS);
      this.at += 1;
    }
  }

  /** Undefined while its process is away. */
  private async open(): Promise<EventStreamClient | undefined> {
    const baseUrl = this.baseUrls[this.at % this.baseUrls.length] ?? '';
    const query = `?after=${String(this.lastSeq)}`;
    const client = await EventStreamClient.open(baseUrl, this.key, { query }).catch(() => undefined);
    if (client?.status === 200) return client;
    client?.close();
    return undefined;
  }

  /** True once the stream has ended and all that it brought is counted. */
  private take(client: EventStreamClient): boolean {
    const { ended } = client;
    for (const { seq } of client.events.splice(0)) {
      if (seq !== this.lastSeq + 1) this.wrong += 1;
      this.lastSeq = seq;
    }
    return ended;
  }
}
