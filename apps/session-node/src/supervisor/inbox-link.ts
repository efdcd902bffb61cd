import { createHash } from 'node:crypto';
import type { SessionAddress } from '#contracts';
import type { Logger } from 'pino';
import type { Driver } from '../drivers/driver.js';
import { InboxCursor } from './inbox-cursor.js';
import { InboxPump } from './inbox-pump.js';
import type { SessionFolder } from './session-folder.js';
import type { SessionVitals } from './session-vitals.js';
import type { SupervisorContext } from './settings.js';

/** History from before the login is not reported; this much before it is, for clocks that differ. */
const BASELINE_SLACK_SECONDS = 60;
const QUARANTINED_MAX = 10_000;

/** Ties a session's cursor, which lives as long as its login, to the inbox of whichever driver runs now. */
export class InboxLink {
  private cursor: Promise<InboxCursor> | undefined;
  private pump: InboxPump | undefined;
  private source: Driver | undefined;
  /** Hashes of what is in quarantine: the sweeps meet it again and again. */
  private readonly quarantined = new Set<string>();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly context: SupervisorContext,
    private readonly folder: SessionFolder,
    private readonly address: () => SessionAddress,
    private readonly vitals: SessionVitals,
    private readonly log: Logger,
  ) {}

  /** A start: from now on messages count, if there is no cursor yet. */
  begin(): void {
    const seconds = Math.floor(this.context.clock.now().getTime() / 1000) - BASELINE_SLACK_SECONDS;
    this.cursor ??= InboxCursor.load(this.folder.cursor, seconds, (error) => {
      this.log.error({ err: error }, 'the inbound cursor was not saved');
    });
    this.cursor.catch(() => {
      // Told where it is awaited; the next start reads again.
      this.cursor = undefined;
    });
  }

  /** Pumps from this driver. @returns false when it already does */
  connect(driver: Driver): boolean {
    if (this.source === driver) return false;
    this.disconnect();
    this.source = driver;
    this.open(driver).catch((error: unknown) => {
      this.log.error({ err: error }, 'the inbound cursor cannot be read');
      this.source = undefined;
    });
    return true;
  }

  disconnect(): void {
    clearTimeout(this.timer);
    this.pump?.stop();
    this.pump = undefined;
    this.source = undefined;
  }

  poke(): void {
    this.pump?.poke();
  }

  /** Reads the page's whole store beyond the cursor. */
  sweep(): void {
    this.pump?.sweepSoon();
  }

  /** Does something with the page when this driver has run for a while. */
  later(delayMs: number, task: () => Promise<void>): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      task().catch((error: unknown) => this.log.warn({ err: error }, 'a task in the page failed'));
    }, delayMs);
  }

  async close(): Promise<void> {
    this.disconnect();
    const cursor = await this.cursor?.catch(() => undefined);
    await cursor?.flush();
  }

  /** The login is gone, and its cursor with it. */
  async forget(): Promise<void> {
    await this.close();
    const cursor = await this.cursor?.catch(() => undefined);
    cursor?.retire();
    this.cursor = undefined;
  }

  private async open(driver: Driver): Promise<void> {
    this.begin();
    const cursor = await this.cursor;
    if (!cursor || this.source !== driver) return;
    const { clock, sink, settings } = this.context;
    this.pump = new InboxPump({
      inbox: driver.inbox,
      cursor,
      sink,
      clock,
      log: this.log,
      address: this.address,
      sweepIntervalMs: settings.sweepIntervalMs,
      onFact: (fact) => this.vitals.saw(fact, clock.now()),
      onKeyless: (events) => this.quarantine(events),
    });
    this.pump.start();
  }

  private quarantine(found: string[]): void {
    const events = found.filter((event) => this.isFirst(event));
    if (events.length === 0) return;
    this.vitals.quarantinedEvents += events.length;
    this.log.error({ count: events.length }, 'events without a key were quarantined');
    this.folder.addToQuarantine(events).catch((error: unknown) => {
      this.log.error({ err: error }, 'quarantined events were not kept');
    });
  }

  private isFirst(event: string): boolean {
    const hash = createHash('sha256').update(event).digest('base64');
    if (this.quarantined.has(hash)) return false;
    const [oldest] = this.quarantined;
    if (this.quarantined.size >= QUARANTINED_MAX && oldest !== undefined) this.quarantined.delete(oldest);
    this.quarantined.add(hash);
    return true;
  }
}
