import type { EventEnvelope } from '#contracts';
import { newId } from '#kernel';
import type { StoredWebhook, DisabledReason } from '../webhook.js';
import { isDelivered } from '../webhook.js';
import { CircuitBreaker } from './circuit-breaker.js';
import type { Delivery, DeliveryResult } from './delivery-repository.js';
import { MOST_ATTEMPTS, nextWaitMs } from './delivery-schedule.js';
import type { LaneParts } from './lane-parts.js';
import { SideTask } from './side-task.js';

/** Events that are read ahead; more are read when half of them are left. */
const READ_AHEAD = 100;
/** No more are read ahead while those that were have so many bytes. */
const MOST_BYTES_AHEAD = 500_000;
/** Results are written together: this often, or when this many wait. */
const WRITE_EVERY_MS = 100;
const WRITE_AT = 200;
/** More than this are not left unwritten: sending waits for the database then. */
const MOST_UNWRITTEN = 1_000;
/** The lease is renewed this often, whatever happens. */
const RENEW_EVERY_MS = 8_000;
/** After a failure of the database; it has to be back before the lease runs out. */
const RETRY_MS = 500;
const PATIENCE_MS = 20_000;
/** How often deliveries that are due again are looked for. */
const LOOK_FOR_DUE_MS = 1_000;
/** How long a lane stays when there is nothing to do. */
const LINGER_MS = 1_000;
/** Standard Webhooks: a receiver that fails for so long is switched off. */
const FAILING_MS = 5 * 86_400_000;
const GONE = 410;

/**
 * Delivers to one webhook for as long as this process holds its lease. New events and those that are due again take
 * turns; a few run at a time, so the order of arrival is not that of `seq`. Reading ahead and writing down go on beside
 * the posts. The cursor follows behind: what a killed process had sent and not written down is sent again. A receiver
 * that keeps failing gets a probe now and then, while its events wait in the log. Nothing is posted any more when the
 * lease may soon be another process'.
 */
export class WebhookLane {
  readonly openedAtMs = performance.now();
  /** It was woken when it had begun to end: whoever looked then may have found its lease still held. */
  wasWokenLate = false;
  private readonly breaker: CircuitBreaker;
  private readonly fresh: EventEnvelope[] = [];
  private readonly due: Delivery[] = [];
  /** `seq` of the events read whose first attempt has not ended. */
  private readonly outstanding = new Set<number>();
  private readonly dueIds = new Set<string>();
  private readonly inFlight = new Set<Promise<void>>();
  private readonly results: DeliveryResult[] = [];
  private readSeq: number;
  private mayHaveMore = true;
  /** Before its last write began, from which the lease counts at the earliest. */
  private heldAtMs: number;
  private writtenAtMs: number;
  private bytesAhead = 0;
  private disable: DisabledReason | null = null;
  private stopped = false;
  private lost = false;
  private isEnding = false;
  private dueTurn = false;
  private dueLookMs = 0;
  private isNudged = false;
  private signal: (() => void) | undefined;
  private readonly nudge = (): void => {
    this.isNudged = true;
    this.signal?.();
  };
  private readonly reading = new SideTask(this.nudge);
  private readonly writing = new SideTask(this.nudge);

  constructor(
    readonly webhook: StoredWebhook,
    private readonly parts: LaneParts,
    leasedAtMs = performance.now(),
  ) {
    const { failures, failingSince, openUntil, cursorSeq } = webhook;
    this.breaker = new CircuitBreaker({
      failures,
      failingSinceMs: failingSince?.getTime() ?? null,
      openUntilMs: openUntil?.getTime() ?? null,
    });
    this.readSeq = cursorSeq;
    this.heldAtMs = leasedAtMs;
    this.writtenAtMs = leasedAtMs;
  }

  /** There are new events. */
  wake(): void {
    this.mayHaveMore = true;
    this.wasWokenLate = this.isEnding;
    this.nudge();
  }

  /** Begins nothing more; `run` ends once what is under way has. */
  stop(): void {
    this.stopped = true;
    this.nudge();
  }

  /** The webhook was changed or is gone: nothing more is done by its old settings. */
  abandon(): void {
    this.lost = true;
    this.nudge();
  }

  /** Works until there is nothing to do, the receiver has to rest, or the lease is lost. */
  async run(): Promise<void> {
    while (!this.stopped && !this.lost && this.disable === null) {
      if (!(await this.withPatience(() => this.step()))) break;
      if (this.isBusy) await this.nudgedWithin(WRITE_EVERY_MS);
    }
    this.isEnding = true;
    await Promise.all([...this.inFlight, this.reading.settled(), this.writing.settled()]);
    if (this.lost) return;
    await this.withPatience(async () => {
      await this.write(true);
      return true;
    });
  }

  private get isBusy(): boolean {
    return (
      this.inFlight.size > 0 || this.results.length > 0 || this.reading.isRunning || this.writing.isRunning
    );
  }

  /** False when the lane may end. */
  private async step(): Promise<boolean> {
    this.reading.throwFailure();
    this.writing.throwFailure();
    if (this.mustRead()) this.reading.start(() => this.read());
    this.launch();
    if (this.mustWrite()) this.writing.start(() => this.write(false));
    return this.isBusy || this.rests();
  }

  /** A database that is away for a moment is asked again, for as long as the lease lasts. */
  private async withPatience(work: () => Promise<boolean>): Promise<boolean> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (this.mayHaveLostLease) throw error;
        await this.nudgedWithin(RETRY_MS);
      }
    }
  }

  /** Its last write is so long ago that another process may have the webhook soon. */
  private get mayHaveLostLease(): boolean {
    return performance.now() - this.heldAtMs > PATIENCE_MS;
  }

  /** With nothing to send: waits for news. False when the lane may end. */
  private async rests(): Promise<boolean> {
    const { now } = this.parts;
    if (this.breaker.waitMs(now()) > 0) return false;
    if (this.mayHaveMore || this.fresh.length > 0 || this.due.length > 0) return true;
    await this.nudgedWithin(LINGER_MS);
    return this.mayHaveMore;
  }

  private mustRead(): boolean {
    if (this.breaker.allowed(1, this.parts.now()) === 0) return false;
    return this.mustLookForDue() || this.mustReadNew();
  }

  private mustLookForDue(): boolean {
    return this.due.length === 0 && performance.now() >= this.dueLookMs;
  }

  private mustReadNew(): boolean {
    return this.mayHaveMore && this.fresh.length <= READ_AHEAD / 2 && this.bytesAhead < MOST_BYTES_AHEAD;
  }

  private async read(): Promise<void> {
    if (this.mustLookForDue()) {
      this.dueLookMs = performance.now() + LOOK_FOR_DUE_MS;
      for (const delivery of await this.parts.listDue(this.webhook, [...this.dueIds], READ_AHEAD)) {
        this.due.push(delivery);
        if (delivery.row) this.dueIds.add(delivery.row.id);
      }
    }
    if (this.mustReadNew()) await this.readNew();
  }

  private async readNew(): Promise<void> {
    // A wake-up while this reads asks for another look.
    this.mayHaveMore = false;
    let hasMore = true;
    try {
      const slice = await this.parts.listNew(this.webhook, this.readSeq, READ_AHEAD);
      for (const event of slice.events) {
        this.fresh.push(event);
        this.bytesAhead += this.parts.sizeOf(event);
        this.outstanding.add(event.seq);
      }
      this.readSeq = slice.lastSeq;
      hasMore = slice.hasMore;
    } finally {
      this.mayHaveMore ||= hasMore;
    }
  }

  private launch(): void {
    if (this.mayHaveLostLease) return;
    const { mostInFlight, now, takeSlot, giveSlot } = this.parts;
    while (this.inFlight.size < this.breaker.allowed(mostInFlight, now())) {
      if (this.fresh.length + this.due.length === 0 || this.results.length >= MOST_UNWRITTEN) return;
      if (!takeSlot(this.inFlight.size, this.nudge)) return;
      const delivery = this.next();
      const attempt = this.attempt(delivery).finally(() => {
        this.inFlight.delete(attempt);
        giveSlot(this.inFlight.size);
        this.nudge();
      });
      this.inFlight.add(attempt);
    }
  }

  /** There is one. */
  private next(): Delivery {
    this.dueTurn = !this.dueTurn;
    const again = this.dueTurn || this.fresh.length === 0 ? this.due.shift() : undefined;
    if (again) return again;
    const event = this.fresh.shift() as EventEnvelope;
    this.bytesAhead -= this.parts.sizeOf(event);
    return { event, row: null };
  }

  private async attempt(delivery: Delivery): Promise<void> {
    const { attempt, retryAfterSeconds } = await this.parts.send(this.webhook, delivery);
    const nowMs = this.parts.now();
    const attempts = (delivery.row?.attempts ?? 0) + 1;
    const delivered = isDelivered(attempt);
    if (delivered) this.breaker.succeeded();
    else this.breaker.failed(nowMs, retryAfterSeconds);
    const waitMs =
      delivered || attempts >= MOST_ATTEMPTS ? undefined : nextWaitMs(attempts, retryAfterSeconds);
    const nextAt = waitMs === undefined ? null : new Date(nowMs + waitMs);
    this.results.push({ id: newId('dlv'), delivery, attempt, nextAt, isDelivered: delivered });
    if (delivery.row === null) this.outstanding.delete(delivery.event.seq);
    const { failingSinceMs } = this.breaker.current;
    if (attempt.status === GONE) this.disable = 'gone';
    else if (failingSinceMs !== null && nowMs - failingSinceMs >= FAILING_MS) this.disable = 'failing';
  }

  private mustWrite(): boolean {
    const nowMs = performance.now();
    if (this.results.length >= WRITE_AT || nowMs - this.heldAtMs >= RENEW_EVERY_MS) return true;
    const isTime = nowMs - this.writtenAtMs >= WRITE_EVERY_MS || this.inFlight.size === 0;
    return isTime && this.results.length > 0;
  }

  /** Writes what came of attempts, and gives the webhook back or renews its lease. */
  private async write(release: boolean): Promise<void> {
    const results = [...this.results];
    const beganAtMs = performance.now();
    const held = await this.parts.record(this.webhook, {
      results,
      release,
      cursorSeq: this.cursor(),
      breaker: this.breaker.current,
      disable: release ? this.disable : null,
    });
    this.results.splice(0, results.length);
    for (const { delivery } of results) if (delivery.row) this.dueIds.delete(delivery.row.id);
    this.heldAtMs = beganAtMs;
    this.writtenAtMs = performance.now();
    if (!held) this.lost = true;
  }

  /** Everything up to here has an end or a row; what has none yet is outstanding. */
  private cursor(): number {
    let oldest = Infinity;
    for (const seq of this.outstanding) oldest = Math.min(oldest, seq);
    return Math.min(this.readSeq, oldest - 1);
  }

  /** Until something changes, or has since the last wait; `ms` at most. */
  private async nudgedWithin(ms: number): Promise<void> {
    if (!this.isNudged) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.signal = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.signal = undefined;
    this.isNudged = false;
  }
}
