import { withDeadline } from '#kernel';
import type { Logger } from 'pino';
import type { SessionMode } from '#contracts';
import type { Driver, DriverListener, GoneCause, ProbeReport } from '../drivers/driver.js';
import { recordOf } from './browser-tree.js';
import type { SessionFolder } from './session-folder.js';
import type { LossReason } from './session-status.js';
import type { SupervisorContext } from './settings.js';

/** Why a run is over. `rest`: the state machine put the session to rest (banned, outdated …). */
export type RunEnd =
  | { cause: 'requested' | 'unlinked' | 'logged_out' | 'link_expired' | 'rest' }
  | { cause: 'lost'; reason: LossReason };

/** What a run tells the session it belongs to. */
export interface RunListener {
  onLaunching(): void;
  onQr(qr: string): void;
  onLoginDoubt(): void;
  onProbe(report: ProbeReport, ms: number): void;
  onProbeFailed(ms: number): void;
  onActivity(): void;
  onReloaded(): void;
}

const CONNECTING_PROBE_MS = 1_000;
const SECOND_LOOK_MS = 5_000;
const SETTLE_TIMEOUT_MS = 5_000;
/** A launch that takes longer than this waits for the network, not for the CPU. */
const GATE_HOLD_MS = 20_000;
/** A browser whose page crashed is itself in order and may write its files. */
const CRASHED_PAGE_GRACE_MS = 2_000;

/**
 * One browser, from its launch to the death of its last process. Whatever ends it, and however often, it ends once:
 * {@link live} resolves with the first cause after the process tree is gone, so the next run can never meet it.
 */
export class SessionRun implements DriverListener {
  private readonly abort = new AbortController();
  private readonly driver: Driver;
  private readonly listener: RunListener;
  private end: RunEnd | undefined;
  private opening: Promise<void> | undefined;
  private probeTimer: NodeJS.Timeout | undefined;
  private deadline: NodeJS.Timeout | undefined;
  private probing = false;
  private probeAgain = false;
  /** The login came into doubt after the probe under way began: what it saw may be older. */
  private isOutrun = false;
  private misses = 0;
  private missedSlowly = false;
  private proven = false;
  private isLeaving = false;

  constructor(
    private readonly context: SupervisorContext,
    private readonly folder: SessionFolder,
    mode: SessionMode,
    listenerOf: (run: SessionRun) => RunListener,
    private readonly log: Logger,
  ) {
    this.listener = listenerOf(this);
    this.driver = context.driverFactory({ sessionId: folder.sessionId, mode, directory: folder.root }, this);
  }

  /** Runs until something ends it. Never rejects. */
  async live(): Promise<RunEnd> {
    const { gate } = this.context;
    try {
      const release = await gate.acquire(this.abort.signal);
      if (release) await this.openWithin(release);
      if (!this.end) this.scheduleProbe(0);
      await this.untilEnded();
    } catch (error) {
      this.log.warn({ err: describe(error) }, 'the browser did not start');
      this.stop({ cause: 'lost', reason: 'start_failed' });
    }
    await this.tearDown();
    return this.end ?? { cause: 'requested' };
  }

  /** Ends the run; the first cause counts. */
  stop(end: RunEnd): void {
    if (this.end) return;
    this.end = end;
    this.abort.abort();
  }

  get ended(): boolean {
    return this.end !== undefined;
  }

  /** Why the run is over, while its browser still closes too. */
  get ending(): RunEnd | undefined {
    return this.end;
  }

  /** The driver, for commands; only while the run is not over. */
  get activeDriver(): Driver | undefined {
    return this.end ? undefined : this.driver;
  }

  /** We log out: what the page says of it from now on is no news. */
  expectLogout(): void {
    this.isLeaving = true;
  }

  /** Replaces the deadline within which something has to happen. */
  expect(timeoutMs: number | undefined, end: RunEnd): void {
    clearTimeout(this.deadline);
    this.deadline = undefined;
    if (timeoutMs === undefined || this.end) return;
    this.deadline = setTimeout(() => this.stop(end), timeoutMs);
  }

  /** The time to scan or to type begins anew with the first QR and with each pairing code. */
  expectLink(): void {
    this.expect(this.context.settings.linkTtlMs, { cause: 'link_expired' });
  }

  /** A deadline runs. */
  get isExpecting(): boolean {
    return this.deadline !== undefined;
  }

  onQr(qr: string): void {
    if (!this.end && !this.isLeaving) this.listener.onQr(qr);
  }

  onLinkHint(): void {
    this.scheduleProbe(0);
  }

  onLoginDoubt(): void {
    if (this.end || this.isLeaving) return;
    this.isOutrun = true;
    this.listener.onLoginDoubt();
    this.scheduleProbe(0);
  }

  onActivity(): void {
    if (!this.end) this.listener.onActivity();
  }

  onReloaded(): void {
    if (!this.end) this.listener.onReloaded();
  }

  onUnlinked(): void {
    if (!this.isLeaving) this.stop({ cause: 'unlinked' });
  }

  onGone(cause: GoneCause, error?: unknown): void {
    if (this.end) return;
    this.log.warn({ cause, err: describe(error) }, 'the browser is gone');
    this.stop({ cause: 'lost', reason: cause === 'fault' ? 'probe_failed' : cause });
  }

  /** The gate guards the CPU that a launch takes: a page that does not connect must not keep others from starting. */
  private async openWithin(release: () => void): Promise<void> {
    const timer = setTimeout(release, GATE_HOLD_MS);
    try {
      await this.open();
    } finally {
      clearTimeout(timer);
      release();
    }
  }

  private async open(): Promise<void> {
    const { settings } = this.context;
    const bytes = await this.folder.claim(settings.killTimeoutMs);
    if (bytes > 0)
      this.log.warn({ bytes }, 'the last browser left its profile half written; that was cut off');
    if (this.end) return;
    this.listener.onLaunching();
    this.expect(settings.startTimeoutMs, { cause: 'lost', reason: 'start_timeout' });
    this.opening = this.driver.start();
    await Promise.race([this.opening, this.untilEnded()]);
    const record = await recordOf(this.folder.profile);
    if (record) await this.folder.writeBrowserRecord(record);
  }

  private untilEnded(): Promise<void> {
    if (this.end) return Promise.resolve();
    return new Promise((resolve) => {
      this.abort.signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  private scheduleProbe(delayMs: number): void {
    if (this.end) return;
    if (this.probing) {
      this.probeAgain ||= delayMs === 0;
      return;
    }
    clearTimeout(this.probeTimer);
    this.probeTimer = setTimeout(() => {
      this.probing = true;
      void this.probe().finally(() => {
        this.probing = false;
        const delayMs = this.probeAgain ? 0 : this.nextProbeDelayMs();
        this.probeAgain = false;
        this.scheduleProbe(delayMs);
      });
    }, delayMs);
  }

  /** A page in the middle of a navigation fails at once: the second look comes a little later. */
  private nextProbeDelayMs(): number {
    const { probeIntervalMs } = this.context.settings;
    if (this.misses > 0) return this.missedSlowly ? 0 : Math.min(SECOND_LOOK_MS, probeIntervalMs);
    return this.proven ? probeIntervalMs : Math.min(CONNECTING_PROBE_MS, probeIntervalMs);
  }

  private async probe(): Promise<void> {
    const { clock, settings } = this.context;
    const startedMs = clock.monotonicMs();
    this.isOutrun = false;
    try {
      const report = await withDeadline(this.driver.probe(), settings.probeTimeoutMs, 'a probe');
      if (this.end || this.isLeaving) return;
      this.misses = 0;
      if (this.isOutrun) return;
      this.proven = report.proven;
      this.listener.onProbe(report, clock.monotonicMs() - startedMs);
    } catch (error) {
      if (this.end || this.isLeaving) return;
      const ms = clock.monotonicMs() - startedMs;
      this.misses += 1;
      this.missedSlowly = ms >= settings.probeTimeoutMs / 2;
      this.listener.onProbeFailed(ms);
      this.log.warn({ err: describe(error), misses: this.misses }, 'the page did not answer a probe');
      if (this.misses > settings.toleratedMisses) this.stop({ cause: 'lost', reason: 'probe_failed' });
    }
  }

  /** Closes the browser, the hard way when it is not in order, and waits for its last process. */
  private async tearDown(): Promise<void> {
    clearTimeout(this.probeTimer);
    clearTimeout(this.deadline);
    const { closeGraceMs, killTimeoutMs } = this.context.settings;
    try {
      if (this.end?.cause !== 'lost') await this.driver.close(closeGraceMs);
      else if (this.end.reason === 'page_crashed') await this.driver.close(CRASHED_PAGE_GRACE_MS);
      await this.folder.killBrowser(killTimeoutMs);
      await this.settleOpening();
      await this.driver.close(0);
      await this.folder.killBrowser(killTimeoutMs);
    } catch (error) {
      // The next claim of the profile kills again, and refuses to start while anything is left.
      this.log.error({ err: describe(error) }, 'the browser could not be ended');
    }
  }

  /** A launch that was under way must not start a browser behind our back. */
  private async settleOpening(): Promise<void> {
    if (!this.opening) return;
    const settled = this.opening.then(
      () => undefined,
      () => undefined,
    );
    await withDeadline(settled, SETTLE_TIMEOUT_MS, 'the end of a launch').catch((error: unknown) => {
      this.log.error({ err: describe(error) }, 'a launch did not end');
    });
  }
}

/** For the log: an error as it is; of anything else (the library throws strings) only a short text. */
function describe(error: unknown): unknown {
  if (error === undefined || error instanceof Error) return error;
  return new Error(typeof error === 'string' ? error.slice(0, 200) : `thrown: ${typeof error}`);
}
