import type { SessionAddress, SessionState } from '#contracts';
import type { Logger } from 'pino';
import type { Driver, ProbeReport } from '../drivers/driver.js';
import type { InboxLink } from './inbox-link.js';
import type { LinkDesk } from './link-desk.js';
import { LoginDoubt } from './login-doubt.js';
import type { LoginRecord } from './login-record.js';
import type { RestartPolicy } from './restart-policy.js';
import type { RunListener, SessionRun } from './session-run.js';
import { isResting } from './session-status.js';
import type { SessionVitals } from './session-vitals.js';
import type { SupervisorContext } from './settings.js';
import type { StatusBoard } from './status-board.js';

/** A page without a connection for as long as this many starts may take gets a new browser. */
const INTERRUPTION_STARTS = 2.5;

/** What of a session outlives its browsers. */
export interface SessionParts {
  context: SupervisorContext;
  board: StatusBoard;
  login: LoginRecord;
  desk: LinkDesk;
  inbox: InboxLink;
  vitals: SessionVitals;
  restarts: RestartPolicy;
  log: Logger;
  address(): SessionAddress;
}

/**
 * What a session makes of what one run tells: its status, its inbox and its login, and what they ask of the run: other
 * deadlines, or its end.
 */
export class RunFollower implements RunListener {
  private readonly doubt: LoginDoubt;

  constructor(
    private readonly run: SessionRun,
    private readonly parts: SessionParts,
  ) {
    this.doubt = new LoginDoubt(parts.context.clock, parts.log);
  }

  onLaunching(): void {
    this.parts.board.apply({ kind: 'launching' });
  }

  /** A profile that was logged in and shows a QR has lost its login, if it still says so at the next look. */
  onQr(qr: string): void {
    const { board, desk, login } = this.parts;
    if (login.linked) return this.lookAgain();
    board.apply({ kind: 'qr_shown' });
    if (desk.showQr(qr)) this.run.expectLink();
  }

  onLoginDoubt(): void {
    this.run.activeDriver?.holdSends(true);
    this.parts.board.apply({ kind: 'login_doubted' });
  }

  onActivity(): void {
    this.parts.inbox.poke();
  }

  onReloaded(): void {
    this.parts.inbox.sweep();
  }

  onProbeFailed(ms: number): void {
    this.parts.vitals.probed(this.parts.context.clock.now(), false, ms);
  }

  onProbe(report: ProbeReport, ms: number): void {
    const { board, context, login, vitals } = this.parts;
    vitals.probed(context.clock.now(), true, ms);
    vitals.report = report;
    const { state } = board.status;
    board.learn(report);
    const found = this.doubt.look(report.link, login.linked);
    this.run.activeDriver?.holdSends(found !== 'there');
    if (found === 'gone') this.run.stop({ cause: 'unlinked' });
    else this.followState(state);
  }

  private lookAgain(): void {
    if (this.doubt.look('needs_login', true) === 'gone') this.run.stop({ cause: 'unlinked' });
    else this.run.onLoginDoubt();
  }

  private followState(before: SessionState): void {
    const { board, context, desk, inbox, login } = this.parts;
    const { run } = this;
    const { state, reason } = board.status;
    const { startTimeoutMs } = context.settings;
    const driver = run.activeDriver;
    const isAccepted = state === 'connecting' || state === 'connected';
    if (before === 'pairing' && isAccepted && !login.linked) inbox.beginAnew();
    if (state === 'connected' && driver) {
      run.expect(undefined, { cause: 'requested' });
      desk.qr.clear();
      if (inbox.connect(driver)) this.whenConnected(driver);
      else if (before !== 'connected') inbox.sweep();
    } else if (state === 'connecting' && before !== 'connecting') {
      desk.qr.clear();
      run.expect(startTimeoutMs, { cause: 'lost', reason: 'start_timeout' });
    } else if (state === 'interrupted' && reason === 'network' && !run.isExpecting) {
      run.expect(startTimeoutMs * INTERRUPTION_STARTS, { cause: 'lost', reason: 'start_timeout' });
    } else if (isResting(state)) {
      run.stop({ cause: 'rest' });
    }
  }

  private whenConnected(driver: Driver): void {
    const { context, inbox, login, restarts } = this.parts;
    restarts.recovered();
    login.prove(this.parts.address());
    inbox.later(context.settings.collectGarbageAfterMs, async () => driver.collectGarbage?.());
  }
}
