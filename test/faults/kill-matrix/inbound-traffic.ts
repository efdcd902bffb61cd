import { waitFor } from '../../support/wait-for.js';
import type { KillStack } from './kill-stack.js';
import { NOTHING, type Round, type RoundContext, type Verdict } from './scenario.js';

interface Inbound {
  from: string;
  text: string;
}

interface InboundRow {
  id: string;
  text: string;
  from: string;
}

const SETTLE_DEADLINE_MS = 300_000;

/** Messages that people send to the session in one round. */
export class InboundTraffic implements Round {
  private pushed = 0;

  private constructor(
    private readonly target: KillStack,
    readonly messages: Inbound[],
  ) {}

  static async prepare({ target, tag }: RoundContext, count: number, people = 2): Promise<InboundTraffic> {
    const phones = await target.newPeople(people);
    const messages = Array.from({ length: count }, (_, index) => ({
      from: phones[index % people]!,
      text: `${tag} in ${String(index)}`,
    }));
    return new InboundTraffic(target, messages);
  }

  /** Sends the next `count`, or all that are left. */
  async push(count = this.messages.length): Promise<void> {
    for (const { from, text } of this.messages.slice(this.pushed, this.pushed + count)) {
      const body = { from, to: this.target.phone, type: 'text', body: text };
      const { status } = await this.target.stack.simulated.post('/messages', body);
      if (status !== 201) throw new Error(`the simulator refused a message: ${String(status)}`);
    }
    this.pushed = Math.min(this.messages.length, this.pushed + count);
  }

  rows(): Promise<InboundRow[]> {
    return this.target.query<InboundRow & object>(
      `SELECT m.id, m.content ->> 'text' AS text, m.author_phone AS "from" FROM messages m
       WHERE m.direction = 'in' AND m.session_id = $1 AND m.content ->> 'text' = ANY($2) ORDER BY m.occurred_at, m.id`,
      [this.target.session.id, this.messages.map(({ text }) => text)],
    );
  }

  /** How many the browser has confirmed to the network, so that it will never send them again. */
  async delivered(): Promise<number> {
    const { body } = await this.target.stack.simulated.get<{ body: string; deliveredTo: number }[]>(
      `/messages?to=${this.target.phone}&limit=100000`,
    );
    const texts = new Set(this.messages.map(({ text }) => text));
    return body.filter((one) => texts.has(one.body) && one.deliveredTo > 0).length;
  }

  /** Until every message has a row, or is taken for lost. */
  async calm(): Promise<void> {
    await waitFor(
      async () => new Set((await this.rows()).map(({ text }) => text)).size >= this.messages.length,
      {
        what: 'every message to be recorded',
        deadlineMs: SETTLE_DEADLINE_MS,
        pollMs: 100,
      },
    ).catch(() => undefined);
  }

  /** Each recorded message is announced in the event log, once. */
  private async countTold(rows: InboundRow[]): Promise<{ events: number; messages: number }> {
    const [told] = await this.target.query<{ events: number; messages: number }>(
      `SELECT count(*)::int AS events, count(DISTINCT data ->> 'messageId')::int AS messages FROM events
       WHERE type = 'message.received' AND data ->> 'messageId' = ANY($1)`,
      [rows.map(({ id }) => id)],
    );
    return told ?? { events: 0, messages: 0 };
  }

  async verify(): Promise<Verdict> {
    await this.calm();
    const rows = await this.rows();
    const texts = new Set(rows.map(({ text }) => text));
    const rank = new Map(this.messages.map(({ text }, index) => [text, index]));
    const last = new Map<string, number>();
    let disordered = 0;
    for (const { text, from } of rows) {
      const mine = rank.get(text) ?? 0;
      if (mine < (last.get(from) ?? -1)) disordered += 1;
      else last.set(from, mine);
    }
    const told = await this.countTold(rows);
    return {
      ...NOTHING,
      lost: this.messages.length - texts.size + (rows.length - told.messages),
      doubled: rows.length - texts.size + (told.events - told.messages),
      disordered,
    };
  }
}
