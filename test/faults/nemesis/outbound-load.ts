import type { FaultsSession } from './faults-stack.js';
import { Sender, type Wish } from './sender.js';
import type { SeededRandom } from './seeded-random.js';
import type { WorkloadRun } from './workload-run.js';

/** Digits of a valid number that has no account. */
const NOBODY = '4915199999999';
const RETRY_MS = 300;

/** What one session's owner does all the time: send in every way, repeat, change their mind, look, pry. */
export class OutboundLoad {
  private readonly sender: Sender;
  private readonly actions: { weight: number; act: () => Promise<unknown> }[];

  constructor(
    private readonly run: WorkloadRun,
    private readonly session: FaultsSession,
    private readonly random: SeededRandom,
  ) {
    this.sender = new Sender(run, session, random);
    this.actions = [
      { weight: 40, act: () => this.sender.send({}) },
      { weight: 14, act: () => this.sendUntilAnswered({}) },
      { weight: 8, act: () => this.sendAtOnce() },
      { weight: 4, act: () => this.reuseKey() },
      { weight: 6, act: () => this.sender.send({ priority: random.between(1, 9) }) },
      { weight: 7, act: () => this.sender.send({ expiresAtMs: Date.now() + random.between(2, 20) * 1_000 }) },
      { weight: 7, act: () => this.sender.sendAndCancel(random.chance(0.3) ? random.between(1, 30) : 0) },
      { weight: 5, act: () => this.sender.sendFile() },
      { weight: 2, act: () => this.sender.send({ to: NOBODY }) },
      { weight: 3, act: () => this.sender.send({ text: ' ' }) },
      { weight: 3, act: () => this.look() },
      { weight: 3, act: () => this.pry() },
    ];
  }

  async work(): Promise<void> {
    while (!this.run.isOver) {
      await this.random.weighted(this.actions).act();
      await this.run.pause(this.random.between(0, this.run.paceMs));
    }
  }

  /** What a careful client does: the same request under the same key until there is an answer. */
  private async sendUntilAnswered(wish: Wish): Promise<void> {
    const sent = { ...this.sender.wish(wish), idempotencyKey: `key-${this.run.newRef(this.session)}` };
    for (;;) {
      const { status } = await this.sender.post(sent);
      const isFinal = status !== null && status < 500 && status !== 409;
      if (isFinal || this.run.isOver) break;
      await this.run.pause(RETRY_MS);
    }
    if (this.random.chance(0.3)) await this.sender.post(sent);
  }

  /** The same request several times at the same moment. */
  private async sendAtOnce(): Promise<void> {
    const sent = this.sender.keyed();
    await Promise.all(Array.from({ length: this.random.between(2, 5) }, () => this.sender.post(sent)));
  }

  /** A key that was used, with another text. */
  private async reuseKey(): Promise<void> {
    const first = this.sender.keyed();
    await this.sender.post(first);
    await this.sender.post({ ...this.sender.wish({}), idempotencyKey: first.idempotencyKey });
  }

  private async look(): Promise<void> {
    const id = this.sender.accepted[this.random.between(0, Math.max(0, this.sender.accepted.length - 1))];
    if (id === undefined) return;
    await this.sender.client.request('GET', `/messages/${id}`, { kind: 'get', target: id });
  }

  /** Another tenant asks for what is this one's. */
  private async pry(): Promise<void> {
    const other = this.run.otherTenant(this.session.tenant);
    const id = this.sender.accepted.at(-1);
    if (!other || id === undefined) return;
    await other.client.request('GET', `/messages/${id}`, { kind: 'probe', target: id });
    await other.client.request('POST', `/messages/${id}/cancel`, { kind: 'probe', target: id }, {});
  }
}
