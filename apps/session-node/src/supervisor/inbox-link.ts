import type { NodeFact, SendOutcome, SessionAddress } from '#contracts';
import type { Logger } from 'pino';
import { isNotice, type Driver, type InboxFact, type Unreported } from '../drivers/driver.js';
import { InboxCursor } from './inbox-cursor.js';
import { InboxPump } from './inbox-pump.js';
import type { Quarantine, QuarantineReason } from './quarantine.js';
import { ReportedFacts } from './reported-facts.js';
import type { SessionFolder } from './session-folder.js';
import type { SessionVitals } from './session-vitals.js';
import type { SupervisorContext } from './settings.js';

/** History from before the login is not reported; this much before it is, for clocks that differ. */
const BASELINE_SLACK_SECONDS = 60;

/** Ties a session's cursor, which lives as long as its login, to the inbox of whichever driver runs now. */
export class InboxLink {
  private cursor: Promise<InboxCursor> | undefined;
  private pump: InboxPump | undefined;
  private source: Driver | undefined;
  /** The cursor of the driver that was connected last. */
  private opened: InboxCursor | undefined;
  private readonly reported = new ReportedFacts();
  private quarantine: Promise<Quarantine> | undefined;
  private settingAside: Promise<void> = Promise.resolve();
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

  /** The answer to a send, or to a look for it, tells the api of its message, so that the page does not. */
  sent({
    waKey,
    ack,
    timestamp,
  }: Pick<Extract<SendOutcome, { outcome: 'handed' }>, 'waKey' | 'ack' | 'timestamp'>): void {
    this.opened?.followSent(waKey, timestamp, ack);
  }

  /** Does something with the page when this driver has run for a while. */
  later(delayMs: number, task: () => Promise<void>): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      task().catch((error: unknown) => this.log.warn({ err: error }, 'a task in the page failed'));
    }, delayMs);
  }

  /** The api refused a fact of this session for good: it is kept, and the cursor does not pass it. */
  refused(fact: NodeFact): void {
    if (isInboxFact(fact)) {
      this.reported.forget(fact);
      this.opened?.hold(fact);
    }
    this.setAside('refused', [JSON.stringify(fact)], fact.kind !== 'quarantine');
  }

  async close(): Promise<void> {
    this.disconnect();
    await this.settingAside;
    this.reported.clear();
    const cursor = await this.cursor?.catch(() => undefined);
    await cursor?.flush().catch(this.onSaveFailed);
  }

  /** The login is gone, and its cursor with it. */
  async forget(): Promise<void> {
    await this.close();
    const cursor = await this.cursor?.catch(() => undefined);
    cursor?.retire();
    this.cursor = undefined;
    this.opened = undefined;
    this.quarantine = undefined;
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
    this.opened = cursor;
    // Reads what earlier starts put aside.
    this.setAside('no_key', []);
    const { clock, sink, settings } = this.context;
    this.pump = new InboxPump({
      reported: this.reported,
      inbox: driver.inbox,
      cursor,
      sink,
      clock,
      log: this.log,
      address: this.address,
      sweepIntervalMs: settings.sweepIntervalMs,
      onFact: (fact) => this.vitals.saw(fact, clock.now()),
      onUnreported: (events) => this.sortAside(events),
    });
    this.pump.start();
  }

  private sortAside(events: readonly Unreported[]): void {
    for (const reason of ['no_key', 'unreadable'] as const) {
      const found = events.filter((entry) => entry.reason === reason).map(({ event }) => event);
      if (found.length > 0) this.setAside(reason, found);
    }
  }

  /** One after the other, so that each event counts once. */
  private setAside(reason: QuarantineReason, events: string[], isTold = true): void {
    const { clock, sink } = this.context;
    this.settingAside = this.settingAside
      .then(async () => {
        this.quarantine ??= this.folder.openQuarantine(clock.now());
        const quarantine = await this.quarantine;
        const fact = await quarantine.add(reason, events);
        this.vitals.quarantinedEvents = quarantine.total;
        if (!fact) return;
        this.log.error({ reason, total: quarantine.total }, 'events were quarantined');
        if (isTold) sink.push(this.address(), fact);
      })
      .catch((error: unknown) => {
        this.quarantine = undefined;
        this.log.error({ err: error, reason }, 'quarantined events were not kept');
      });
  }
}

function isInboxFact(fact: NodeFact): fact is InboxFact {
  return fact.kind.startsWith('message.') || isNotice(fact);
}
