import type { HeartbeatAnswer, NodeFact, SessionAddress, SessionMode, SessionSnapshot } from '#contracts';
import { AppError } from '#kernel';
import { AsyncLocalStorage } from 'node:async_hooks';
import { SessionOwner } from './session-owner.js';
import type { SupervisorContext } from './settings.js';

interface Place {
  owner: SessionOwner;
  /** Lifecycle commands of a session run one after the other. */
  lane: Promise<unknown>;
  /** When a command last named this session; a heartbeat answer from before it is out of date. */
  touchedMs: number;
  /** False once the api no longer names this session: it is another node's. Its sends stay provable. */
  isOurs: boolean;
}

/** The sessions of this node: finds their owners, keeps the epoch fence and the capacity. */
export class SessionRegistry {
  private readonly places = new Map<string, Place>();
  /** Which session the running code works for: failures that nobody awaited are traced back by it. */
  private readonly scope = new AsyncLocalStorage<string>();
  /** When sessions were deleted: a heartbeat answer from before it must not bring one back. */
  private readonly removedMs = new Map<string, number>();
  private readonly running = new Set<Promise<unknown>>();
  private closing = false;

  constructor(
    private readonly context: SupervisorContext,
    readonly capacity: number,
  ) {}

  get activeCount(): number {
    return [...this.places.values()].filter(({ owner }) => owner.isActive).length;
  }

  /** The sessions placed on this node. */
  list(): { address: SessionAddress; snapshot: SessionSnapshot; owner: SessionOwner }[] {
    return [...this.places.values()]
      .filter(({ owner, isOurs }) => isOurs || owner.isActive)
      .map(({ owner }) => ({ owner, address: owner.address, snapshot: owner.snapshot() }));
  }

  /**
   * Runs a lifecycle command on a session's owner, in its lane and scope.
   * @throws AppError `stale_epoch` when a higher epoch was seen, `not_found` when another tenant's session is meant
   */
  async command<T>(address: SessionAddress, work: (owner: SessionOwner) => Promise<T> | T): Promise<T> {
    const place = await this.placeOf(address);
    place.touchedMs = this.context.clock.monotonicMs();
    place.isOurs = true;
    const task = place.lane.then(() => {
      this.assertInPlace(address.sessionId, place);
      return this.scope.run(address.sessionId, () => work(place.owner));
    });
    place.lane = task.catch(() => undefined);
    return task;
  }

  /** Runs work that does not change the session's life (sends, downloads) at once, beside others. */
  async use<T>(address: SessionAddress, work: (owner: SessionOwner) => Promise<T> | T): Promise<T> {
    const { owner } = await this.placeOf(address);
    const task = this.scope.run(address.sessionId, async () => work(owner));
    this.running.add(task);
    try {
      return await task;
    } finally {
      this.running.delete(task);
    }
  }

  /** @throws AppError `capacity_exhausted` */
  async start(owner: SessionOwner, mode: SessionMode): Promise<void> {
    this.assertOpen();
    if (!owner.isActive && this.activeCount >= this.capacity) {
      throw new AppError('capacity_exhausted', `This node runs at most ${this.capacity} sessions`);
    }
    await owner.start(mode);
  }

  async remove(owner: SessionOwner): Promise<void> {
    await owner.remove();
    const { sessionId } = owner.address;
    this.places.delete(sessionId);
    this.removedMs.set(sessionId, this.context.clock.monotonicMs());
  }

  /**
   * Makes the sessions be what the api says they are. Sessions touched by a command after `askedMs` stay as they
   * are; a session that rests for a reason of its own (failed, logged out, not linked in time) is not started
   * again under the same epoch.
   */
  reconcile(answer: HeartbeatAnswer, askedMs: number): void {
    for (const [sessionId, atMs] of this.removedMs) if (atMs < askedMs) this.removedMs.delete(sessionId);
    const named = new Map(answer.sessions.map((entry) => [entry.sessionId, entry]));
    for (const [sessionId, place] of this.places) {
      if (place.touchedMs >= askedMs) continue;
      place.isOurs = named.has(sessionId);
      if (!place.isOurs && place.owner.isWanted) this.stopInBackground(place);
    }
    for (const { mode, running, ...address } of answer.sessions) {
      const place = this.places.get(address.sessionId);
      const changedMs = place?.touchedMs ?? this.removedMs.get(address.sessionId) ?? 0;
      if (changedMs >= askedMs) continue;
      const isNewer = place !== undefined && address.epoch > place.owner.address.epoch;
      if (running && (isNewer || this.mayStart(place))) {
        this.inBackground(address, (owner) => this.startOrTell(owner, mode));
      } else if (!running && place?.owner.isWanted) {
        this.stopInBackground(place);
      }
    }
  }

  /** The api says that another epoch owns these: their browsers close, their profiles stay. An answer about an epoch that is past says nothing of now. */
  closeStale(stale: readonly { sessionId: string; epoch: number | undefined }[]): void {
    for (const { sessionId, epoch } of stale) {
      const place = this.places.get(sessionId);
      if (!place?.owner.isWanted || (epoch ?? Infinity) < place.owner.address.epoch) continue;
      this.stopInBackground(place);
    }
  }

  /** The api refused a fact of this session for good. */
  refused(sessionId: string, fact: NodeFact): void {
    this.places.get(sessionId)?.owner.inbox.refused(fact);
  }

  epochOf(sessionId: string): number | undefined {
    const place = this.places.get(sessionId);
    return place?.isOurs ? place.owner.address.epoch : undefined;
  }

  /** For process-level handlers: true when the failure belonged to a session, which is then recycled. */
  recycleCulprit(error: unknown): boolean {
    const sessionId = this.scope.getStore();
    const place = sessionId === undefined ? undefined : this.places.get(sessionId);
    place?.owner.recycle(error);
    return place !== undefined;
  }

  /** Takes no more commands, lets those that run end for up to `drainMs`, then stops every session. */
  async close(drainMs: number): Promise<void> {
    this.closing = true;
    const lanes = [...this.places.values()].map(({ lane }) => lane);
    const ended = Promise.allSettled([...this.running, ...lanes]);
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, drainMs).unref())]);
    await Promise.all([...this.places.values()].map(({ owner }) => owner.suspend()));
  }

  /** Nobody waits for this start's answer: that there is no room has to stand in the session's status. */
  private async startOrTell(owner: SessionOwner, mode: SessionMode): Promise<void> {
    await this.start(owner, mode).catch((error: unknown) => {
      if (!(error instanceof AppError) || error.code !== 'capacity_exhausted') throw error;
      owner.board.apply({ kind: 'refused', detail: error.message });
    });
  }

  private mayStart(place: Place | undefined): boolean {
    if (!place) return true;
    const { state, reason } = place.owner.snapshot();
    return !place.owner.isActive && state === 'stopped' && reason !== 'link_expired';
  }

  private stopInBackground({ owner }: Place): void {
    this.inBackground(owner.address, (known) => known.stop());
  }

  private inBackground(address: SessionAddress, work: (owner: SessionOwner) => Promise<void> | void): void {
    this.command(address, work).catch((error: unknown) => {
      this.context.log.warn(
        { err: error, sessionId: address.sessionId },
        'a session did not follow the heartbeat',
      );
    });
  }

  private assertOpen(): void {
    if (!this.closing) return;
    throw new AppError('service_unavailable', 'The node is shutting down', { outcome: 'not_sent' });
  }

  /** A command may have waited for a deletion, after which its owner is nobody's, or for the end of the node. */
  private assertInPlace(sessionId: string, place: Place): void {
    this.assertOpen();
    if (this.places.get(sessionId) === place) return;
    throw new AppError('service_unavailable', 'The session was just deleted', { outcome: 'not_sent' });
  }

  private async placeOf(address: SessionAddress): Promise<Place> {
    this.assertOpen();
    const known = this.places.get(address.sessionId) ?? this.addPlace(address);
    await known.owner.adopt(address);
    return known;
  }

  private addPlace(address: SessionAddress): Place {
    const folder = this.context.profiles.folderOf(address.sessionId);
    const owner = this.scope.run(address.sessionId, () => new SessionOwner(this.context, folder, address));
    const place = { owner, lane: Promise.resolve(), touchedMs: 0, isOurs: true };
    this.places.set(address.sessionId, place);
    return place;
  }
}
