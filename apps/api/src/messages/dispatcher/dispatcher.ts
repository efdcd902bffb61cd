import {
  Inject,
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import type { Logger } from 'pino';
import { Database } from '#database';
import { withDeadline } from '#kernel';
import { API_CONFIG, type ApiConfig } from '../../config.js';
import { LOGGER } from '../../http/index.js';
import { HOLD_CHANNEL } from '../../pacing/index.js';
import { QUEUE_CHANNEL } from '../../sessions/index.js';
import { QueueSignal } from '../accept/accept-queue.js';
import { attemptKey } from './attempt-repository.js';
import { CallNotes } from './call-notes.js';
import { ClaimRepository, readQueueNotice, type OpenAttempt } from './claim-repository.js';
import { MessageCaller } from './message-caller.js';
import { ResultWriter } from './result-writer.js';
import { SessionLane } from './session-lane.js';

/** What no notification told of is found by looking: messages whose time has come, above all. */
const POLL_EVERY_MS = 1_000;

/**
 * Sends what is in the queues: one lane per session that has something to send. Every api process has a dispatcher;
 * claims in the database keep them apart.
 */
@Injectable()
export class Dispatcher extends QueueSignal implements OnApplicationBootstrap, BeforeApplicationShutdown {
  override readonly isLocal = true;
  private readonly lanes = new Map<string, SessionLane>();
  private poll: NodeJS.Timeout | undefined;
  private readonly stopListening: (() => Promise<void>)[] = [];
  private stopped = false;

  constructor(
    private readonly database: Database,
    private readonly claims: ClaimRepository,
    private readonly calls: CallNotes,
    private readonly caller: MessageCaller,
    private readonly results: ResultWriter,
    @Inject(API_CONFIG) private readonly config: Pick<ApiConfig, 'SHUTDOWN_TIMEOUT_SECONDS'>,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    super();
  }

  async onApplicationBootstrap(): Promise<void> {
    const onNotice = (payload: string | null) => {
      if (!payload) return;
      const { sessionId, reconnected } = readQueueNotice(payload);
      this.laneOf(sessionId)?.wake({ reconnected });
    };
    // One that is missed is heard of by the next claim.
    const onHold = (payload: string | null) => {
      const [sessionId = '', ...chats] = payload?.split(' ') ?? [];
      this.lanes.get(sessionId)?.hold(chats.length > 0 ? chats : undefined);
    };
    this.stopListening.push(await this.database.listen(QUEUE_CHANNEL, onNotice));
    this.stopListening.push(await this.database.listen(HOLD_CHANNEL, onHold));
    this.schedulePoll(0);
  }

  override wake(sessionId: string, chats?: readonly string[]): void {
    this.laneOf(sessionId)?.wake(chats && { chats });
  }

  /** Lets the sends under way end; what they leave open at the deadline is looked up by whoever lives. */
  async beforeApplicationShutdown(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.poll);
    for (const stop of this.stopListening) await stop();
    const stopping = Promise.all([...this.lanes.values()].map((lane) => lane.stop())).then(() =>
      this.results.flush(),
    );
    const timeoutMs = this.config.SHUTDOWN_TIMEOUT_SECONDS * 1_000;
    await withDeadline(stopping, timeoutMs, 'ending the sends under way').catch((error: unknown) => {
      this.logger.warn({ err: error }, 'sends were still under way at shutdown');
    });
    this.calls.stop();
  }

  /**
   * Gives back what this process has claimed and does not know of, because the answer of the claim was lost: nobody
   * ever called it.
   */
  async releaseLost(): Promise<void> {
    if (!this.stopped) await this.release(() => this.claims.listOwnOpen());
  }

  private async recover(sessionId: string): Promise<void> {
    await this.release(() => this.claims.listOwnOpenOf(sessionId), sessionId);
  }

  /** @param recovering the session whose lane waits for this, in the place of its next claim */
  private async release(listOpen: () => Promise<OpenAttempt[]>, recovering?: string): Promise<void> {
    const unknown = (await listOpen()).filter((attempt) => !this.knows(attempt, recovering));
    if (unknown.length === 0) return;
    // What ended while the list was on its way was not known any more either; it is not open now.
    const open = new Set((await listOpen()).map(keyOf));
    const lost = unknown.filter((attempt) => open.has(keyOf(attempt)));
    if (lost.length === 0) return;
    this.logger.warn({ messages: lost.length }, 'claims whose answer was lost are given back');
    await Promise.all(lost.map((attempt) => this.results.write({ ...attempt, end: { kind: 'released' } })));
  }

  private knows({ sessionId, messageId, attempt }: OpenAttempt, recovering?: string): boolean {
    const lane = this.lanes.get(sessionId);
    if (lane?.isClaiming && sessionId !== recovering) return true;
    return lane?.has(messageId, attempt) === true || this.results.has(attemptKey(messageId, attempt));
  }

  private laneOf(sessionId: string): SessionLane | undefined {
    if (this.stopped) return undefined;
    const known = this.lanes.get(sessionId);
    if (known) return known;
    const report = (what: string) => (error: unknown) => {
      this.logger.error({ err: error, sessionId }, `could not ${what}`);
    };
    const lane = new SessionLane({
      claim: (wish) => this.claims.claim(sessionId, wish),
      recover: () => this.recover(sessionId),
      busyElsewhere: () => void this.claims.tellHolder(sessionId).catch(report('tell who sends')),
      note: (messages) =>
        this.calls.note(
          sessionId,
          messages.map(({ session, id, attempt }) => ({
            tenantId: session.tenantId,
            messageId: id,
            attempt,
          })),
        ),
      send: (message) => this.caller.send(message),
      write: (result) => this.results.write(result),
      claimFailed: report('claim messages'),
    });
    this.lanes.set(sessionId, lane);
    return lane;
  }

  private schedulePoll(waitMs: number): void {
    this.poll = setTimeout(() => {
      void this.look().finally(() => {
        if (!this.stopped) this.schedulePoll(POLL_EVERY_MS);
      });
    }, waitMs);
  }

  private async look(): Promise<void> {
    try {
      for (const sessionId of await this.claims.listDueSessions()) {
        this.laneOf(sessionId)?.wake({ isNews: false });
      }
    } catch (error) {
      this.logger.error({ err: error }, 'the queues could not be looked at');
    }
    for (const [sessionId, lane] of this.lanes) if (lane.isIdle) this.lanes.delete(sessionId);
  }
}

function keyOf({ messageId, attempt }: OpenAttempt): string {
  return attemptKey(messageId, attempt);
}
