import { Counter, Gauge, Registry } from 'prom-client';
import { SESSION_STATES } from '#contracts';
import type { EventOutbox } from './protocol/event-outbox.js';
import type { SessionRegistry } from './supervisor/session-registry.js';

/** What a node counts, for Prometheus. Labels never hold ids. */
export class NodeMetrics {
  readonly registry = new Registry();
  readonly strayFailures = new Counter({
    name: 'wagate_node_stray_failures_total',
    help: 'Failures that nothing waited for, by whether a session could be named for them',
    labelNames: ['attributed'],
    registers: [this.registry],
  });

  constructor(sessions: SessionRegistry, outbox: EventOutbox) {
    const gauge = (name: string, help: string, read: () => number): Gauge =>
      new Gauge({
        name,
        help,
        registers: [this.registry],
        collect() {
          this.set(read());
        },
      });
    gauge('wagate_node_events_pending', 'Events the api has not taken', () => outbox.totalPending);
    gauge('wagate_node_events_refused', 'Events the api refused for good', () => outbox.refusedEvents);
    gauge('wagate_node_events_quarantined', 'Events without a usable key', () =>
      sessions.list().reduce((sum, { owner }) => sum + owner.vitals.quarantinedEvents, 0),
    );
    gauge('wagate_node_sessions_active', 'Sessions that run or are about to', () => sessions.activeCount);
    new Gauge({
      name: 'wagate_node_sessions',
      help: 'Sessions by state',
      labelNames: ['state'],
      registers: [this.registry],
      collect() {
        for (const state of SESSION_STATES) {
          const count = sessions.list().filter(({ snapshot }) => snapshot.state === state).length;
          this.set({ state }, count);
        }
      },
    });
  }
}
