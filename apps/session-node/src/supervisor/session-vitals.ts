import type { NodeResponse, SessionSnapshot } from '#contracts';
import type { InboxFact, ProbeReport } from '../drivers/driver.js';
import { findTree, profileOf } from './browser-tree.js';
import { readMemoryBytes } from './process-table.js';
import type { SessionFolder } from './session-folder.js';

type Diagnostics = Omit<NodeResponse<'session.diagnostics'>, 'sandbox'>;

/** What is measured of a session, for its diagnostics and the node's metrics. */
export class SessionVitals {
  report: ProbeReport | undefined;
  /** Failures that came up outside of anything the session waited for. */
  strayFailures = 0;
  quarantinedEvents = 0;
  private lastProbe: Diagnostics['lastProbe'] = null;
  private lastInboundAt: string | null = null;
  private lastAckAt: string | null = null;

  probed(at: Date, ok: boolean, ms: number): void {
    this.lastProbe = { at: at.toISOString(), ok, ms: Math.round(ms) };
  }

  saw(fact: InboxFact, at: Date): void {
    if (fact.kind === 'message.upsert' && !fact.message.fromMe) {
      this.lastInboundAt = at.toISOString();
    } else if (fact.kind === 'message.upsert' || fact.kind === 'message.ack') {
      const ack = fact.kind === 'message.ack' ? fact.ack : fact.message.ack;
      if (ack !== null && ack >= 1) this.lastAckAt = at.toISOString();
    }
  }

  async describe(known: {
    snapshot: SessionSnapshot;
    restartsLastHour: number;
    pendingEvents: number;
    folder: SessionFolder;
  }): Promise<Diagnostics> {
    const { snapshot, restartsLastHour, pendingEvents, folder } = known;
    const tree = await findTree(folder.profile);
    return {
      snapshot,
      restartsLastHour,
      pendingEvents,
      waVersion: this.report?.waVersion ?? null,
      shims: this.report?.shims ?? [],
      brokenContracts: this.report?.brokenContracts ?? [],
      lastProbe: this.lastProbe,
      lastInboundAt: this.lastInboundAt,
      lastAckAt: this.lastAckAt,
      quarantinedEvents: this.quarantinedEvents,
      browserPid: tree.find((entry) => profileOf(entry) === folder.profile)?.pid ?? null,
      memoryBytes: await readMemoryBytes(tree.map((entry) => entry.pid)),
    };
  }
}
