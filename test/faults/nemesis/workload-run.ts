import { setTimeout as delay } from 'node:timers/promises';
import type { FaultsSession, FaultsStack, FaultsTenant } from './faults-stack.js';
import type { SeededRandom } from './seeded-random.js';

/** What the parts of a load share: the run's end, its people, and what was noted. */
export class WorkloadRun {
  readonly opaque = new Set<string>();
  downloadsDamaged = false;
  private readonly ending = new AbortController();
  private refs = 0;
  private inbound = 0;

  constructor(
    readonly faults: FaultsStack,
    readonly random: SeededRandom,
    /** Phones that sessions write to and hear from. */
    readonly people: readonly string[],
    /** Longest pause between two actions of one session. */
    readonly paceMs: number,
  ) {}

  get isOver(): boolean {
    return this.ending.signal.aborted;
  }

  end(): void {
    this.ending.abort();
  }

  /** Resolves early when the run ends. */
  async pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.ending.signal }).catch(() => undefined);
  }

  newRef(session: FaultsSession): string {
    this.refs += 1;
    return `${session.phone.slice(-4)}-${String(this.refs)}`;
  }

  newInboundText(): string {
    this.inbound += 1;
    return `inbound ${String(this.inbound)}`;
  }

  otherTenant(tenant: FaultsTenant): FaultsTenant | undefined {
    return this.faults.tenants.find(({ id }) => id !== tenant.id);
  }
}
