import type { Clock } from '#kernel';
import type { Logger } from 'pino';
import type { DriverInbox } from '../drivers/driver.js';
import type { InboxCursor } from './inbox-cursor.js';
import { InboxReporter, type InboxReporterOptions } from './inbox-reporter.js';
import { InboxSweep } from './inbox-sweep.js';

export interface InboxPumpOptions extends InboxReporterOptions {
  inbox: DriverInbox;
  cursor: InboxCursor;
  clock: Clock;
  log: Logger;
  sweepIntervalMs: number;
}

const DRAIN_LIMIT = 200;
const RETRY_MS = 1_000;
const RETRY_MAX_MS = 60_000;

/**
 * Brings what a connected page has into the sink: at once what the page signals, and every so often all that its
 * own store holds beyond the cursor. It stops reading while the sink is full: the page's store is the truth, and
 * the sweep brings later what was left.
 */
export class InboxPump {
  private timer: NodeJS.Timeout | undefined;
  private retry: NodeJS.Timeout | undefined;
  private readonly wanted = { drain: false, sweep: false };
  /** The next sweep also reads what was told before: something may have been lost on the way. */
  private again = true;
  /** Such a sweep is under way. */
  private isCatchingUp = false;
  private working = false;
  private failures = 0;
  private readonly reporter: InboxReporter;
  private readonly sweeper: InboxSweep;

  constructor(private readonly options: InboxPumpOptions) {
    this.reporter = new InboxReporter(options);
    this.sweeper = new InboxSweep(
      {
        ...options,
        between: () => (this.wanted.drain && !this.isCatchingUp ? this.drain() : Promise.resolve()),
      },
      this.reporter,
    );
  }

  /** Begins with a full sweep: whatever came in while nobody listened. */
  start(): void {
    this.timer = setInterval(() => this.request('sweep'), this.options.sweepIntervalMs);
    this.request('drain');
    this.request('sweep');
  }

  /** The page has something. */
  poke(): void {
    this.request('drain');
  }

  /** The page may have more than it signalled, and may have forgotten what it told. */
  sweepSoon(): void {
    this.again = true;
    this.request('sweep');
  }

  stop(): void {
    clearInterval(this.timer);
    clearTimeout(this.retry);
    this.reporter.stop();
  }

  private request(kind: 'drain' | 'sweep'): void {
    this.wanted[kind] = true;
    if (this.working || this.reporter.isStopped) return;
    this.working = true;
    this.work()
      .catch((error: unknown) => this.retryLater(error))
      .finally(() => {
        this.working = false;
      });
  }

  /**
   * A page that is loaded anew, or dead, fails calls; which of the two is for the probes to find out. What was
   * drained and lost on the way still stands in the page's store, so a sweep of all follows.
   */
  private retryLater(error: unknown): void {
    this.again = true;
    if (this.reporter.isStopped) return;
    const waitMs = Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** Math.min(this.failures, 10));
    this.failures += 1;
    this.options.log.warn({ err: error, waitMs }, 'the inbox could not be read; trying again');
    clearTimeout(this.retry);
    this.retry = setTimeout(() => {
      this.request('drain');
      this.request('sweep');
    }, waitMs);
  }

  private async work(): Promise<void> {
    while ((this.wanted.drain || this.wanted.sweep) && !this.reporter.isStopped) {
      if (this.wanted.drain && !this.again) await this.drain();
      else await this.sweep();
    }
  }

  private async drain(): Promise<void> {
    this.wanted.drain = false;
    for (;;) {
      await this.reporter.hasRoom();
      if (this.reporter.isStopped) return;
      const { inbox, cursor } = this.options;
      const { facts, unreported, unreportedAt, more } = await inbox.drain(DRAIN_LIMIT);
      for (const { chatId, seconds } of unreportedAt) cursor.holdChat(chatId, seconds);
      this.reporter.setAside(unreported);
      this.reporter.report(facts);
      if (!more) return;
    }
  }

  /**
   * What the page signals goes first, except after an interruption: what came in meanwhile is older, and in a chat the
   * older comes first.
   */
  private async sweep(): Promise<void> {
    this.wanted.sweep = false;
    this.isCatchingUp = this.again;
    this.again = false;
    if (!this.isCatchingUp) await this.drain();
    const isComplete = await this.sweeper.run(this.isCatchingUp).finally(() => (this.isCatchingUp = false));
    // What was told already was reported: only the rest is left.
    if (!isComplete) this.wanted.sweep = true;
    this.failures = 0;
  }
}
