import { setTimeout as delay } from 'node:timers/promises';
import type { NodeEvent, NodeFact, SessionAddress } from '#contracts';
import type { EventSink } from './event-sink.js';
import { backoff } from '#kernel';
import { failpoint } from '#runtime';
import type { Logger } from 'pino';
import { isRefusal, type EventBatch, type EventBatchAnswer } from './api-client.js';

interface Entry {
  event: NodeEvent;
  bytes: number;
  taken: (() => void)[];
}

export interface StaleSession {
  sessionId: string;
  epoch: number | undefined;
}

export interface OutboxOptions {
  nodeName: string;
  post: (batch: EventBatch) => Promise<EventBatchAnswer>;
  /** Sessions that another epoch owns, with the epoch that was refused, when the api tells it. */
  onStale: (sessions: StaleSession[]) => void;
  /** The api will never take this one. */
  onRefused: (event: NodeEvent) => void;
  /** Epoch under which this node has a session now; undefined when it does not. */
  epochOf: (sessionId: string) => number | undefined;
  log: Logger;
  /** Facts kept per session before {@link EventSink.room} holds. */
  maxPerSession?: number;
}

const MAX_BATCH_EVENTS = 500;
const MAX_BATCH_BYTES = 512 * 1024;
const DEFAULT_MAX_PER_SESSION = 1_000;
const RETRY = { baseMs: 250, maxMs: 5_000 };
/** From one batch to the next: under load many sessions' facts share one. */
const BATCH_EVERY_MS = 20;

/**
 * The way of facts to the api. One batch is on its way at a time, which keeps each session's order; what fails is
 * sent again, at once when {@link retryNow} is called. A batch that the api refuses is halved until the one bad
 * event stands alone; that one is counted and given to {@link OutboxOptions.onRefused}, so that it cannot hold the
 * others for ever. Of a session that another epoch owns nothing counts as taken: should it come back, it is told again.
 */
export class EventOutbox implements EventSink {
  private readonly queues = new Map<string, Entry[]>();
  /** Epochs under which something was not taken because another epoch owns the session: it is never taken then. */
  private readonly lostEpochs = new Map<string, number>();
  private readonly roomWaiters = new Map<string, Set<() => void>>();
  private readonly maxPerSession: number;
  private wake: (() => void) | undefined;
  private attempt = 0;
  private lastBatchMs = -Infinity;
  private stopped = false;
  private loop: Promise<void> | undefined;
  /** Events that the api refused for good. */
  refusedEvents = 0;

  constructor(private readonly options: OutboxOptions) {
    this.maxPerSession = options.maxPerSession ?? DEFAULT_MAX_PER_SESSION;
  }

  start(): void {
    this.loop ??= this.run();
  }

  /** Sends what is left for up to `timeoutMs`, then stops. What stays is brought again by the next sweep. */
  async stop(timeoutMs: number): Promise<void> {
    const until = performance.now() + timeoutMs;
    while (this.totalPending > 0 && performance.now() < until) {
      this.retryNow();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    this.stopped = true;
    this.wake?.();
    await this.loop;
  }

  push(address: SessionAddress, fact: NodeFact): void {
    const event: NodeEvent = { ...address, fact };
    const queue = this.queues.get(address.sessionId) ?? [];
    queue.push({ event, bytes: Buffer.byteLength(JSON.stringify(event)), taken: [] });
    this.queues.set(address.sessionId, queue);
    if (this.attempt === 0) this.wake?.();
  }

  whenTaken(sessionId: string, callback: () => void): void {
    if (this.isLost(sessionId)) return;
    const last = this.queues.get(sessionId)?.at(-1);
    if (last) last.taken.push(callback);
    else callback();
  }

  pending(sessionId: string): number {
    return this.queues.get(sessionId)?.length ?? 0;
  }

  get totalPending(): number {
    let total = 0;
    for (const queue of this.queues.values()) total += queue.length;
    return total;
  }

  async room(sessionId: string, signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.pending(sessionId) < this.maxPerSession) return;
    const waiters = this.roomWaiters.get(sessionId) ?? new Set();
    this.roomWaiters.set(sessionId, waiters);
    await new Promise<void>((resolve) => {
      const done = (): void => {
        waiters.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      waiters.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }

  /** Ends a wait between two tries: the api was just seen alive. */
  retryNow(): void {
    this.attempt = 0;
    this.wake?.();
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      if (this.queues.size === 0) {
        await this.pause(undefined);
        continue;
      }
      const waitMs = this.lastBatchMs + BATCH_EVERY_MS - performance.now();
      if (waitMs > 0) await delay(waitMs);
      this.lastBatchMs = performance.now();
      await this.deliver(this.nextBatch());
    }
  }

  /** @returns false when the batch has to be sent again */
  private async deliver(batch: Entry[]): Promise<boolean> {
    if (batch.length === 0) return true;
    try {
      const { nodeName, post } = this.options;
      await failpoint('node.events.before-post');
      const events = batch.map((entry) => this.stamped(entry.event));
      const answer = await post({ nodeName, events });
      await failpoint('node.events.after-post');
      this.attempt = 0;
      const stale = answer.staleSessions.map((sessionId, index): StaleSession => ({
        sessionId,
        epoch: answer.staleEpochs?.[index],
      }));
      const left = new Set(stale.flatMap((session) => this.giveUp(session, batch, events)));
      this.settle(batch.filter((entry) => !left.has(entry)));
      if (stale.length > 0) this.options.onStale(stale);
      return true;
    } catch (error) {
      if (isRefusal(error)) {
        // It answered: the next event need not wait for more.
        this.attempt = 0;
        return this.bisect(batch, error);
      }
      await this.waitBeforeRetry(error);
      return false;
    }
  }

  /**
   * What the page told stays true when the session is placed on this node once more: it goes out under the epoch of
   * now. A state and a QR code were those of their own epoch.
   */
  private stamped(event: NodeEvent): NodeEvent {
    if (isOfItsEpoch(event.fact)) return event;
    const epoch = this.options.epochOf(event.sessionId);
    return epoch !== undefined && epoch > event.epoch ? { ...event, epoch } : event;
  }

  /**
   * Of a session that another epoch owns nothing counts as taken. Should this node have it under a later epoch by
   * now, what the page told goes out again, under that one.
   * @returns the entries that stay
   */
  private giveUp({ sessionId, epoch }: StaleSession, batch: Entry[], events: NodeEvent[]): Entry[] {
    const mine = batch.filter((entry) => entry.event.sessionId === sessionId);
    const sent = events.filter((event) => event.sessionId === sessionId).map((event) => event.epoch);
    const refused = epoch ?? Math.max(...sent);
    if ((this.options.epochOf(sessionId) ?? 0) > refused) {
      const told = mine.filter(({ event }) => !isOfItsEpoch(event.fact));
      for (const entry of mine) if (!told.includes(entry)) entry.taken = [];
      return told;
    }
    this.lostEpochs.set(sessionId, Math.max(refused, this.lostEpochs.get(sessionId) ?? 0));
    for (const entry of this.queues.get(sessionId) ?? []) entry.taken = [];
    return [];
  }

  private isLost(sessionId: string): boolean {
    const lost = this.lostEpochs.get(sessionId);
    if (lost === undefined) return false;
    if ((this.options.epochOf(sessionId) ?? 0) <= lost) return true;
    this.lostEpochs.delete(sessionId);
    return false;
  }

  /** Sends both halves of a batch that was refused, until the one bad event stands alone. @returns false when it has to be sent again */
  private async bisect(batch: Entry[], error: unknown): Promise<boolean> {
    const middle = Math.ceil(batch.length / 2);
    if (batch.length > 1) {
      if (!(await this.deliver(batch.slice(0, middle))) || this.stopped) return false;
      return this.deliver(this.inOrder(batch.slice(middle)));
    }
    const [entry] = batch;
    this.refusedEvents += 1;
    this.options.log.error(
      { err: error, sessionId: entry?.event.sessionId, kind: entry?.event.fact.kind },
      'the api refused an event; it is put aside',
    );
    if (entry) this.options.onRefused(entry.event);
    this.settle(batch);
    return true;
  }

  /** Those of sessions of which nothing older has to be sent again. */
  private inOrder(batch: Entry[]): Entry[] {
    const passed = new Set<string>();
    return batch.filter((entry) => {
      const { sessionId } = entry.event;
      if (this.queues.get(sessionId)?.[0] === entry) passed.add(sessionId);
      return passed.has(sessionId);
    });
  }

  private async waitBeforeRetry(error: unknown): Promise<void> {
    const waitMs = 50 + backoff(this.attempt, RETRY);
    if (this.attempt === 0)
      this.options.log.warn({ err: error }, 'the api did not take events; trying again');
    this.attempt += 1;
    await this.pause(waitMs);
  }

  private settle(settled: Entry[]): void {
    const done = new Set(settled);
    for (const sessionId of new Set(settled.map((entry) => entry.event.sessionId))) {
      const queue = (this.queues.get(sessionId) ?? []).filter((entry) => !done.has(entry));
      if (queue.length === 0) this.queues.delete(sessionId);
      else this.queues.set(sessionId, queue);
      if (queue.length < this.maxPerSession) for (const go of this.roomWaiters.get(sessionId) ?? []) go();
    }
    for (const { taken } of settled) for (const callback of taken) callback();
  }

  /**
   * The first events of every session, evenly, within the limits of one batch. Those that it holds stand behind the
   * others the next time.
   */
  private nextBatch(): Entry[] {
    const batch: Entry[] = [];
    const share = Math.max(1, Math.floor(MAX_BATCH_EVENTS / Math.max(1, this.queues.size)));
    let bytes = 0;
    for (const [sessionId, queue] of [...this.queues]) {
      for (const entry of queue.slice(0, share)) {
        const isFull = batch.length >= MAX_BATCH_EVENTS || bytes + entry.bytes > MAX_BATCH_BYTES;
        if (batch.length > 0 && isFull) return batch;
        batch.push(entry);
        bytes += entry.bytes;
        this.queues.delete(sessionId);
        this.queues.set(sessionId, queue);
      }
    }
    return batch;
  }

  private async pause(waitMs: number | undefined): Promise<void> {
    if (this.stopped) return;
    await new Promise<void>((resolve) => {
      const timer = waitMs === undefined ? undefined : setTimeout(resolve, waitMs);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.wake = undefined;
  }
}

function isOfItsEpoch({ kind }: NodeFact): boolean {
  return kind === 'session.state' || kind === 'session.qr';
}
