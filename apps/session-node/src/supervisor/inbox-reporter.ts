import type { NodeFact, SessionAddress } from '#contracts';
import type { InboxFact, Unreported } from '../drivers/driver.js';
import type { EventSink } from '../protocol/event-sink.js';
import { IdentityBook, peopleOf } from './identity-book.js';
import type { InboxCursor } from './inbox-cursor.js';
import type { ReportedFacts } from './reported-facts.js';

export interface InboxReporterOptions {
  cursor: InboxCursor;
  reported: ReportedFacts;
  sink: EventSink;
  address: () => SessionAddress;
  onFact: (fact: InboxFact) => void;
  onUnreported: (events: Unreported[]) => void;
}

/** The way of what a page tells into the sink: each thing once, who is who before it, and the cursor behind it. */
export class InboxReporter {
  private readonly stopping = new AbortController();
  private readonly identities = new IdentityBook();

  constructor(private readonly options: InboxReporterOptions) {}

  get isStopped(): boolean {
    return this.stopping.signal.aborted;
  }

  stop(): void {
    this.stopping.abort();
  }

  /** Resolves when the sink has room, or when all is over. */
  hasRoom(): Promise<void> {
    const { sink, address } = this.options;
    return sink.room(address().sessionId, this.stopping.signal);
  }

  /** Reports what is news among facts. */
  report(facts: readonly InboxFact[]): void {
    for (const fact of this.options.reported.news(facts)) {
      this.push(this.identities.news(peopleOf(fact)));
      this.options.cursor.follow(fact);
      this.options.onFact(fact);
      this.push([fact]);
    }
  }

  /** Facts that are no news of a message; the caller sees to it that they are not repeated without need. */
  push(facts: readonly NodeFact[]): void {
    const { sink, address } = this.options;
    for (const fact of facts) sink.push(address(), fact);
  }

  /** Pairs of ids among people that were not told. */
  identify(people: Parameters<IdentityBook['news']>[0]): void {
    this.push(this.identities.news(people));
  }

  setAside(events: Unreported[]): void {
    if (events.length > 0) this.options.onUnreported(events);
  }

  /** Calls back when the api has taken, or refused, everything that was reported so far. */
  whenTaken(callback: () => void): void {
    const { sink, address } = this.options;
    sink.whenTaken(address().sessionId, callback);
  }
}
