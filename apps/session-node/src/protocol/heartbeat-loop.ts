import type { Heartbeat, HeartbeatAnswer } from '#contracts';
import type { Clock } from '#kernel';
import type { Logger } from 'pino';

export interface HeartbeatOptions {
  intervalMs: number;
  clock: Clock;
  log: Logger;
  describe: () => Heartbeat;
  beat: (heartbeat: Heartbeat) => Promise<HeartbeatAnswer>;
  /** `askedMs`: when the question left, by the clock's monotonic time. */
  onAnswer: (answer: HeartbeatAnswer, askedMs: number) => void;
}

/** Tells the api every few seconds that this node lives, and passes on which sessions are its own. */
export class HeartbeatLoop {
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;
  private lastAnswerMs: number | undefined;
  private failing = false;
  private current: Promise<void> = Promise.resolve();

  constructor(private readonly options: HeartbeatOptions) {}

  start(): void {
    this.current = this.beatOnce();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.current;
  }

  /** Milliseconds since the api last answered; undefined when it never did. */
  get answerAgeMs(): number | undefined {
    return this.lastAnswerMs === undefined ? undefined : this.options.clock.monotonicMs() - this.lastAnswerMs;
  }

  private async beatOnce(): Promise<void> {
    const { clock, log, beat, describe, onAnswer, intervalMs } = this.options;
    const askedMs = clock.monotonicMs();
    try {
      const answer = await beat(describe());
      this.lastAnswerMs = clock.monotonicMs();
      if (this.failing) log.info('the api answers heartbeats again');
      this.failing = false;
      if (!this.stopped) onAnswer(answer, askedMs);
    } catch (error) {
      if (!this.failing) log.warn({ err: error }, 'the api does not answer heartbeats');
      this.failing = true;
    }
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.current = this.beatOnce();
    }, intervalMs);
  }
}
