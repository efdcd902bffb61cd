import type { NodeResponse, SessionAddress, SessionMode, SessionSnapshot } from '#contracts';
import type { Logger } from 'pino';
import type { Driver } from '../drivers/driver.js';
import { InboxLink } from './inbox-link.js';
import { LinkDesk, type ShownQr } from './link-desk.js';
import { assertMayTakeOver, LoginRecord } from './login-record.js';
import { RestartPolicy } from './restart-policy.js';
import { RunFollower, type SessionParts } from './run-follower.js';
import type { SessionFolder } from './session-folder.js';
import { SendLedger } from './send-ledger.js';
import { SessionRun, type RunEnd } from './session-run.js';
import { isResting } from './session-status.js';
import type { SupervisorContext } from './settings.js';
import { SessionVitals } from './session-vitals.js';
import { StatusBoard } from './status-board.js';

/**
 * The one owner of a session on this node. Everything about its browser goes through here: one loop starts a run,
 * waits for its end, and decides what follows, so two browsers on one profile cannot be.
 */
export class SessionOwner {
  readonly vitals = new SessionVitals();
  readonly ledger = new SendLedger();
  readonly desk: LinkDesk;
  readonly board: StatusBoard;
  private mode: SessionMode = 'live';
  private run: SessionRun | undefined;
  private wantsToRun = false;
  private isWaitingOut = false;
  private loop: Promise<void> | undefined;
  private readonly login: LoginRecord;
  private readonly restarts: RestartPolicy;
  readonly inbox: InboxLink;
  private readonly log: Logger;

  constructor(
    private readonly context: SupervisorContext,
    readonly folder: SessionFolder,
    private current: SessionAddress,
  ) {
    const { clock, settings, log } = context;
    this.log = log.child({ sessionId: current.sessionId, tenantId: current.tenantId });
    this.login = new LoginRecord(folder, this.log);
    this.desk = new LinkDesk(clock, (qr) => context.sink.push(this.current, { kind: 'session.qr', ...qr }));
    this.board = new StatusBoard(clock, (snapshot) => this.announce(snapshot));
    this.restarts = new RestartPolicy(clock, settings.restarts);
    this.inbox = new InboxLink(context, folder, () => this.current, this.vitals, this.log);
  }

  get address(): SessionAddress {
    return this.current;
  }

  /** True while a browser runs or is about to. */
  get isActive(): boolean {
    return this.wantsToRun && !this.isWaitingOut;
  }

  /** True also while a session that failed too often waits for its next try. */
  get isWanted(): boolean {
    return this.wantsToRun;
  }

  snapshot(): SessionSnapshot {
    return this.board.snapshot();
  }

  /** Takes over the address of a command. @throws AppError `stale_epoch`, `not_found` (another tenant's) */
  async adopt(address: SessionAddress): Promise<void> {
    assertMayTakeOver(address, this.current, await this.login.read());
    this.current = address;
  }

  /** Starts the session unless it is active, after an end that is under way. The states follow as events. */
  async start(mode: SessionMode): Promise<void> {
    if (this.isEnding) await this.loop;
    if (this.isActive) return;
    this.mode = mode;
    this.restarts.reset();
    if (this.isWaitingOut) return this.restarts.wake();
    this.wantsToRun = true;
    await this.login.prepare(this.current, this.context.settings.killTimeoutMs).catch((error: unknown) => {
      this.wantsToRun = false;
      throw error;
    });
    this.board.apply({ kind: 'start_requested' });
    this.inbox.begin();
    this.ensureLoop();
  }

  /** Stops the session and keeps its login; resolves when no process is left. */
  async stop(): Promise<void> {
    await this.suspend();
    this.board.apply({ kind: 'stop_requested' });
  }

  /** Stops for the end of the node: the session's state stays what the api knows. */
  async suspend(): Promise<void> {
    await this.halt({ cause: 'requested' });
    await this.inbox.close();
  }

  /** Logs out at WhatsApp when it can, then deletes the profile. */
  async logout(): Promise<void> {
    const driver = this.run?.activeDriver;
    if (driver && (this.board.status.state === 'connected' || this.login.linked)) {
      this.run?.expectLogout();
      await driver.unlink().catch((error: unknown) => {
        this.log.warn({ err: error }, 'WhatsApp was not told of the logout');
      });
    }
    await this.halt({ cause: 'logged_out' });
    await this.forgetLogin().finally(() => this.board.apply({ kind: 'logged_out' }));
  }

  /** Ends everything and deletes the session's folder. */
  async remove(): Promise<void> {
    await this.stop();
    await this.inbox.forget();
    await this.folder.remove();
  }

  /** Something of this session threw where nobody waited for it: its browser is not to be trusted. */
  recycle(error: unknown): void {
    this.vitals.strayFailures += 1;
    this.run?.onGone('fault', error);
  }

  /** Waits up to `waitMs` for a QR; undefined when there is none to be expected or none came. */
  async waitForQr(waitMs: number): Promise<ShownQr | undefined> {
    if (isResting(this.board.status.state) || this.board.status.state === 'connected') return undefined;
    return this.desk.qr.wait(waitMs);
  }

  /** @throws AppError `qr_not_available` when the session is not waiting to be linked, `pairing_limit_reached` */
  async requestPairingCode(phone: string): Promise<string> {
    const driver = this.board.status.state === 'pairing' ? this.run?.activeDriver : undefined;
    const code = await this.desk.requestCode(driver, phone);
    this.board.apply({ kind: 'pairing_code_shown' });
    if (this.board.status.reason === 'pairing_code') this.run?.expectLink();
    return code;
  }

  /** The driver of a connected session; undefined in any other state. */
  get connectedDriver(): Driver | undefined {
    return this.board.status.state === 'connected' ? this.run?.activeDriver : undefined;
  }

  diagnostics(): Promise<Omit<NodeResponse<'session.diagnostics'>, 'sandbox'>> {
    return this.vitals.describe({
      snapshot: this.snapshot(),
      restartsLastHour: this.restarts.lastHour,
      pendingEvents: this.context.sink.pending(this.current.sessionId),
      folder: this.folder,
    });
  }

  /** A loop that nothing keeps any more, or whose run ends for good. */
  private get isEnding(): boolean {
    const cause = this.run?.ending?.cause;
    return !this.wantsToRun || (cause !== undefined && cause !== 'lost');
  }

  private get parts(): SessionParts {
    const { context, board, login, desk, inbox, vitals, restarts, log } = this;
    return { context, board, login, desk, inbox, vitals, restarts, log, address: () => this.current };
  }

  private ensureLoop(): void {
    this.loop ??= this.keepRunning()
      .catch((error: unknown) => this.log.error({ err: error }, 'the session loop failed'))
      .finally(() => {
        this.loop = undefined;
        if (this.wantsToRun) this.ensureLoop();
      });
  }

  private async keepRunning(): Promise<void> {
    while (this.wantsToRun) {
      const end = await this.runOnce();
      if (!this.wantsToRun) return;
      if (end.cause !== 'lost') {
        this.wantsToRun = false;
        await this.settleEnd(end);
        return;
      }
      this.board.apply({ kind: 'lost', reason: end.reason });
      await this.waitForRestart(end.reason);
    }
  }

  private async runOnce(): Promise<RunEnd> {
    const run = new SessionRun(
      this.context,
      this.folder,
      this.mode,
      (started) => new RunFollower(started, this.parts),
      this.log,
    );
    this.run = run;
    const end = await run.live();
    this.run = undefined;
    this.desk.qr.clear();
    this.inbox.disconnect();
    this.board.runEnded();
    return end;
  }

  private async settleEnd(end: RunEnd): Promise<void> {
    if (end.cause === 'unlinked') {
      await this.forgetLogin().finally(() => this.board.apply({ kind: 'unlinked' }));
    } else if (end.cause === 'link_expired') {
      this.board.apply({ kind: 'link_expired' });
    }
  }

  private async waitForRestart(reason: string): Promise<void> {
    const waitMs = this.restarts.next();
    if (waitMs === undefined) return this.waitOutBudget(reason);
    this.log.info({ waitMs, reason }, 'the browser starts again');
    await this.restarts.sleep(waitMs);
  }

  /** Failed too often: that stays to be seen, until the hour has room for another try. */
  private async waitOutBudget(reason: string): Promise<void> {
    this.isWaitingOut = true;
    this.board.apply({ kind: 'gave_up', detail: reason });
    await this.restarts.sleep(this.restarts.roomInMs);
    this.isWaitingOut = false;
    if (!this.wantsToRun) return;
    this.restarts.next();
    this.board.apply({ kind: 'start_requested' });
  }

  private async halt(end: RunEnd): Promise<void> {
    this.wantsToRun = false;
    this.run?.stop(end);
    this.restarts.wake();
    await this.loop;
  }

  private async forgetLogin(): Promise<void> {
    this.board.forgetLogin();
    await this.inbox.forget();
    await this.login.forget(this.current, this.context.settings.killTimeoutMs);
  }

  private announce(snapshot: SessionSnapshot): void {
    this.log.info({ state: snapshot.state, reason: snapshot.reason }, 'session state');
    this.context.sink.push(this.current, { kind: 'session.state', snapshot });
  }
}
