import { equal } from 'node:assert/strict';
import { ENDED, sentBy, type MessageView, type SentView } from '../../support/session-steps.js';
import { waitFor } from '../../support/wait-for.js';
import type { KillStack } from './kill-stack.js';
import type { Round, RoundContext, Verdict } from './scenario.js';

interface Outbound {
  to: string;
  text: string;
  key: string;
  /** Once a 202 said so. */
  id: string | undefined;
}

interface Row {
  id: string;
  text: string;
  to: string;
  status: string;
  looked: boolean;
}

const LEFT = ['sent', 'delivered', 'read', 'played'];
const SETTLE_DEADLINE_MS = 300_000;

/** Messages of one round, as a client that retries with the same key sends them. */
export class OutboundTraffic implements Round {
  private constructor(
    private readonly target: KillStack,
    readonly messages: Outbound[],
  ) {}

  /** @param chats that they are spread over, all new */
  static async prepare({ target, tag }: RoundContext, count = 6, chats = 3): Promise<OutboundTraffic> {
    const people = await target.newPeople(chats);
    const messages = Array.from({ length: count }, (_, index) => ({
      to: people[index % chats]!,
      text: `${tag} ${String(index)}`,
      key: `${tag}-${String(index)}`.replaceAll(' ', '-'),
      id: undefined,
    }));
    return new OutboundTraffic(target, messages);
  }

  /** Posts each chat's one after the other, all chats at once, and no more to a chat once there was no answer. */
  async post(): Promise<void> {
    const chats = new Set(this.messages.map(({ to }) => to));
    await Promise.all(
      [...chats].map(async (chat) => {
        for (const message of this.messages.filter(({ to }) => to === chat)) {
          message.id = await this.postOne(message).catch(() => undefined);
          if (message.id === undefined) return;
        }
      }),
    );
  }

  /** Posts all again with their keys: the same answer for what was answered, an answer for the rest. */
  async repeat(): Promise<void> {
    for (const message of this.messages) {
      const id = await waitFor(() => this.postOne(message), { what: 'the repeated request to be accepted' });
      if (message.id !== undefined) equal(id, message.id, 'a repeated request made another message');
      message.id = id;
    }
  }

  private async postOne({ to, text, key }: Outbound): Promise<string | undefined> {
    const body = { session: this.target.session.id, to, type: 'text', text };
    const answer = await this.target.client.post<MessageView>('/messages', body, { 'idempotency-key': key });
    return answer.status === 202 ? answer.body.id : undefined;
  }

  rows(): Promise<Row[]> {
    return this.target.query<Row & object>(
      `SELECT m.id, m.content ->> 'text' AS text, split_part(m.chat_wa_id, '@', 1) AS "to", m.status,
         EXISTS (SELECT FROM message_attempts a WHERE a.tenant_id = m.tenant_id AND a.message_id = m.id
           AND a.lookups > 0) AS looked
       FROM messages m WHERE m.direction = 'out' AND m.content ->> 'text' = ANY($1) ORDER BY m.id`,
      [this.messages.map(({ text }) => text)],
    );
  }

  /** Until each has ended or is looked up and not known: what is left to wait for is the clock. */
  async calm(): Promise<void> {
    await this.waitForRows(
      (row, rows) =>
        ENDED.includes(row.status) ||
        (row.status === 'unknown' && row.looked) ||
        // Held back for a while by one of unknown fate in the same chat.
        (row.status === 'queued' && rows.some(({ to, status }) => to === row.to && status === 'unknown')),
    );
  }

  /** Until each has ended. */
  ended(): Promise<Row[]> {
    return this.waitForRows((row) => ENDED.includes(row.status));
  }

  async verify(): Promise<Verdict> {
    const rows = await this.ended();
    const texts = new Set(this.messages.map(({ text }) => text));
    const handed = (await sentBy(this.target.stack, this.target.phone)).filter((sent) =>
      texts.has(sent.body ?? ''),
    );
    const verdict = this.count(rows, handed);
    verdict.lost += await this.countUnseen(rows);
    return verdict;
  }

  private async waitForRows(test: (row: Row, rows: Row[]) => boolean): Promise<Row[]> {
    let rows: Row[] = [];
    const all = waitFor(
      async () => {
        rows = await this.rows();
        return rows.length >= this.messages.length && rows.every((row) => test(row, rows)) && rows;
      },
      { what: 'every message to be settled', deadlineMs: SETTLE_DEADLINE_MS, pollMs: 100 },
    );
    return all.catch((error: unknown) => {
      const states = rows.map(({ status }) => status).join(', ');
      throw new Error(`${String(error)}; of ${String(this.messages.length)}: ${states}`, { cause: error });
    });
  }

  private count(rows: Row[], handed: SentView[]): Verdict {
    const times = new Map<string, number>();
    for (const { body, handOvers } of handed) times.set(body ?? '', (times.get(body ?? '') ?? 0) + handOvers);
    const isLost = ({ status, text }: Row) =>
      LEFT.includes(status) ? !times.has(text) : status !== 'unknown_final';
    const unknown = rows.filter((row) => row.looked || row.status === 'unknown_final');
    const unknownFinal = rows.filter((row) => row.status === 'unknown_final').length;
    return {
      lost: rows.filter(isLost).length,
      doubled: [...times.values()].filter((count) => count > 1).length + (rows.length - this.messages.length),
      disordered: this.countDisordered(handed),
      unknownResolved: unknown.length - unknownFinal,
      unknownFinal,
      unknownLeft: rows.filter(({ status, text }) => status === 'unknown_final' && times.has(text)).length,
    };
  }

  /** Hand-overs that came before one that was asked for earlier in the same chat. */
  private countDisordered(handed: SentView[]): number {
    const rank = new Map(this.messages.map(({ text }, index) => [text, index]));
    const last = new Map<string, number>();
    let disordered = 0;
    for (const { to, body } of handed) {
      const mine = rank.get(body ?? '') ?? 0;
      if (mine < (last.get(to) ?? -1)) disordered += 1;
      else last.set(to, mine);
    }
    return disordered;
  }

  /** What a client was promised, it can read, and reads what is so. */
  private async countUnseen(rows: Row[]): Promise<number> {
    let unseen = 0;
    for (const { id } of this.messages) {
      if (id === undefined) continue;
      const { status, body } = await this.target.client.get<MessageView>(`/messages/${id}`);
      const row = rows.find((one) => one.id === id);
      if (status !== 200 || row === undefined || !ENDED.includes(body.status)) unseen += 1;
    }
    return unseen;
  }
}
