import type { FaultsSession } from './faults-stack.js';
import type { SeededRandom } from './seeded-random.js';
import type { WorkloadRun } from './workload-run.js';

/** What people do to one session: write, in bursts, with files; edit, delete and react. */
export class InboundLoad {
  private readonly sent: { id: string; from: string; text: string }[] = [];

  constructor(
    private readonly run: WorkloadRun,
    private readonly session: FaultsSession,
    private readonly random: SeededRandom,
  ) {}

  async work(): Promise<void> {
    while (!this.run.isOver) {
      const burst = this.random.chance(0.1) ? this.random.between(10, 40) : this.random.between(1, 3);
      const from = this.random.pick(this.run.people);
      for (let left = burst; left > 0; left -= 1) await this.write(from);
      if (this.random.chance(0.4)) await this.change();
      await this.run.pause(this.random.between(0, this.run.paceMs * 4));
    }
  }

  private async write(from: string): Promise<void> {
    const text = this.run.newInboundText();
    const isFile = this.random.chance(0.05);
    const media = { base64: Buffer.from(`bytes of ${text}`).toString('base64'), mimeType: 'image/png' };
    const { status, body } = await this.run.faults.stack.simulated.post<{ id: string }>('/messages', {
      from,
      to: this.session.phone,
      type: isFile ? 'image' : 'text',
      body: text,
      ...(isFile ? { media } : {}),
    });
    if (status !== 201) throw new Error(`the simulator refused a message: ${String(status)}`);
    this.sent.push({ id: body.id, from, text });
  }

  private async change(): Promise<void> {
    const { simulated } = this.run.faults.stack;
    const message = this.random.pick(this.sent);
    const what = this.random.between(0, 2);
    if (what === 0) {
      message.text = `${message.text} edited`;
      await simulated.post(`/messages/${message.id}/edit`, { body: message.text });
    } else if (what === 1) {
      await simulated.post(`/messages/${message.id}/react`, { from: message.from, emoji: '👍' });
    } else if (this.random.chance(0.3)) {
      this.run.opaque.add(message.id);
      await simulated.post(`/messages/${message.id}/revoke`);
    }
  }
}
