import {
  Inject,
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import type { Logger } from 'pino';
import { API_CONFIG, type ApiConfig } from '../../config.js';
import { LOGGER } from '../../http/index.js';
import { NodeClient } from '../../nodes/index.js';
import { MessageWatch } from '../message-watch.js';
import { Dispatcher } from './dispatcher.js';
import { ReconcileRepository, type LookupFinding, type LookupTarget } from './reconcile-repository.js';
import { SWEPT_AT_ONCE, SweepRepository } from './sweep-repository.js';

const EVERY_MS = 1_000;
const LOOKUP_TIMEOUT_MS = 30_000;
const MOST_PER_CALL = 200;
/** Sweeps of a queue whose session ended, in one round: it should be empty before somebody links the session again. */
const MOST_LEFT_BEHIND = 20;

type Settings = Pick<ApiConfig, 'MESSAGE_ACK_TIMEOUT_SECONDS' | 'MESSAGE_UNKNOWN_FINAL_SECONDS'>;

/**
 * Finds out what became of messages of unknown fate, by their exact id in their chat, and ends those whose time is
 * over. Nothing here sends anything; what provably never left goes back to the queue.
 */
@Injectable()
export class Reconciler implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();
  private readonly lookUps = new Map<string, Promise<void>>();
  private stopped = false;

  constructor(
    private readonly repository: ReconcileRepository,
    private readonly sweeps: SweepRepository,
    private readonly nodes: NodeClient,
    private readonly dispatcher: Dispatcher,
    private readonly watch: MessageWatch,
    @Inject(API_CONFIG) private readonly config: Settings,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    this.schedule(0);
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.running;
    await Promise.all(this.lookUps.values());
  }

  private schedule(waitMs: number): void {
    this.timer = setTimeout(() => {
      this.running = this.round().finally(() => {
        if (!this.stopped) this.schedule(EVERY_MS);
      });
    }, waitMs);
  }

  private async round(): Promise<void> {
    await this.step(() => this.dispatcher.releaseLost());
    await this.sweep(() => this.sweeps.releaseOrphans());
    await this.sweep(() => this.sweeps.markOrphans());
    await this.sweep(() => this.sweeps.markUnacked(this.config.MESSAGE_ACK_TIMEOUT_SECONDS));
    await this.sweep(() => this.sweeps.giveUp(this.config.MESSAGE_UNKNOWN_FINAL_SECONDS));
    await this.sweep(() => this.sweeps.expire());
    await this.sweep(() => this.sweeps.endLeftBehind(), MOST_LEFT_BEHIND);
    await this.step(async () => {
      for (const group of bySession(await this.repository.takeDue())) this.beginLookUp(group);
    });
  }

  private sweep(work: () => Promise<string[]>, times = 1): Promise<void> {
    return this.step(async () => {
      for (let time = 0; time < times && !this.stopped; time += 1) {
        const changed = await work();
        for (const id of changed) this.watch.tell(id);
        if (changed.length < SWEPT_AT_ONCE) return;
      }
    });
  }

  /** One that fails, again and again perhaps, takes no other along. */
  private async step(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.logger.error({ err: error }, 'messages of unknown fate could not be looked at');
    }
  }

  /**
   * The round does not wait for a page that takes its time. One look at a time per session: what comes due meanwhile
   * comes due again.
   */
  private beginLookUp(group: LookupTarget[]): void {
    const sessionId = group[0]?.sessionId ?? '';
    if (this.lookUps.has(sessionId)) return;
    const looking = this.lookUp(group).finally(() => this.lookUps.delete(sessionId));
    this.lookUps.set(sessionId, looking);
  }

  /** All targets are of one session. A look that fails is repeated when the targets are due again. */
  private async lookUp(targets: LookupTarget[]): Promise<void> {
    const [first] = targets;
    if (!first) return;
    try {
      const { found, neverStarted } = await this.nodes.call(
        { url: first.nodeUrl },
        'message.lookup',
        {
          tenantId: first.tenantId,
          sessionId: first.sessionId,
          epoch: first.epoch,
          messages: targets.map(({ waMessageId, chatId, bootId }) => ({
            waMessageId,
            chatId,
            nodeBootId: bootId,
          })),
        },
        { timeoutMs: LOOKUP_TIMEOUT_MS },
      );
      await this.repository.record(findingsOf(targets, found, neverStarted));
      for (const { messageId } of targets) this.watch.tell(messageId);
      if (neverStarted.length > 0) this.dispatcher.wake(first.sessionId);
    } catch (error) {
      this.logger.warn(
        { err: error, sessionId: first.sessionId, messages: targets.length },
        'look-up failed',
      );
    }
  }
}

function findingsOf(
  targets: LookupTarget[],
  found: { waMessageId: string; waKey: string; ack: number; timestamp: string }[],
  neverStarted: string[],
): LookupFinding[] {
  const foundById = new Map(found.map((one) => [one.waMessageId, one]));
  const never = new Set(neverStarted);
  return targets.flatMap((target): LookupFinding[] => {
    const one = foundById.get(target.waMessageId);
    if (one) return [{ target, finding: 'found', waKey: one.waKey, ack: one.ack, at: new Date() }];
    return never.has(target.waMessageId) ? [{ target, finding: 'never_started' }] : [];
  });
}

function bySession(targets: LookupTarget[]): LookupTarget[][] {
  const groups = new Map<string, LookupTarget[]>();
  for (const target of targets) {
    const group = groups.get(target.sessionId) ?? [];
    if (group.length < MOST_PER_CALL) groups.set(target.sessionId, [...group, target]);
  }
  return [...groups.values()];
}
