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
    if (!this.cursor) this.keep(InboxCursor.load(this.folder.cursor, this.baseline(), this.onSaveFailed));
  }

  /** A phone was linked just now: what is older than that is history, whenever the session was first started. */
  beginAnew(): void {
    const before = this.cursor;
    const baseline = this.baseline();
    const anew = async (): Promise<InboxCursor> => {
      const known = await before?.catch(() => undefined);
      await known?.flush().catch(this.onSaveFailed);
      known?.retire();
      return InboxCursor.create(this.folder.cursor, baseline, this.onSaveFailed);
    };
    this.keep(anew());
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
    await cursor?.flush().catch(this.onSaveFailed);
  }

  /** The login is gone, and its cursor with it. */
  async forget(): Promise<void> {
    await this.close();
    const cursor = await this.cursor?.catch(() => undefined);
    cursor?.retire();
    this.cursor = undefined;
  }

  private readonly onSaveFailed = (error: unknown): void => {
    this.log.error({ err: error }, 'the inbound cursor was not saved');
  };

  private baseline(): number {
    return Math.floor(this.context.clock.now().getTime() / 1000) - BASELINE_SLACK_SECONDS;
  }

  private keep(cursor: Promise<InboxCursor>): void {
    this.cursor = cursor;
    cursor.catch(() => {
      // Told where it is awaited; the next start reads again.
      if (this.cursor === cursor) this.cursor = undefined;
    });
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
