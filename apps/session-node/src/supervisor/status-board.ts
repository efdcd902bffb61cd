import type { OwnIdentity, SessionSnapshot } from '#contracts';
import type { Clock } from '#kernel';
import type { ProbeReport } from '../drivers/driver.js';
import { INITIAL_STATUS, transition, type SessionSignal, type SessionStatus } from './session-status.js';

/** What is known of a session now: its status, since when, when it was last proven, and whose login it is. */
export class StatusBoard {
  private current: SessionStatus = INITIAL_STATUS;
  private since: string;
  private provenAt: string | null = null;
  private me: OwnIdentity | null = null;

  /** @param onChange told of every new status, after it holds */
  constructor(
    private readonly clock: Clock,
    private readonly onChange: (snapshot: SessionSnapshot) => void,
  ) {
    this.since = clock.now().toISOString();
  }

  get status(): SessionStatus {
    return this.current;
  }

  /** Sends wait: WhatsApp Web changed in a way we do not know. */
  get isHeldBack(): boolean {
    return this.current.reason === 'contract_broken';
  }

  snapshot(): SessionSnapshot {
    return { ...this.current, since: this.since, provenAt: this.provenAt, me: this.me };
  }

  apply(signal: SessionSignal): void {
    const next = transition(this.current, signal);
    if (next === this.current) return;
    this.current = next;
    this.since = this.clock.now().toISOString();
    this.onChange(this.snapshot());
  }

  /** Takes in what a probe saw, then lets it change the status. */
  learn(report: ProbeReport): void {
    this.me = report.me ?? this.me;
    if (report.proven) this.provenAt = this.clock.now().toISOString();
    this.apply({ kind: 'probed', report });
  }

  /** No browser runs: nothing is proven. */
  runEnded(): void {
    this.provenAt = null;
  }

  forgetLogin(): void {
    this.me = null;
  }
}
