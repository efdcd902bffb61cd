import { nodeFactSchema, type WaChat, type WaPerson } from '#contracts';
import type { Clock } from '#kernel';
import type { ChatHead, Drained, DriverInbox, InboxFact, SweepWish, SweptChat } from '../driver.js';
import { ackFact, chatOf, messageFact, personOf } from './converters/index.js';
import type { RawItem, RawSwept } from './page/agent-api.js';
import type { PageAgent } from './page-agent.js';

/** Last second that a Date can hold. */
const LATEST_SECONDS = 8.64e12;
const SWEEP_BUDGET_MS = 8_000;
const SWEEP_TIMEOUT_MS = 30_000;
const DIRECTORY_LIMIT = 5_000;
const DIRECTORY_TIMEOUT_MS = 30_000;

/** The inbox of a WhatsApp Web page. What does not make a valid fact counts as keyless: kept aside, never dropped. */
export class WebjsInbox implements DriverInbox {
  constructor(
    private readonly agent: () => PageAgent,
    private readonly clock: Clock,
  ) {}

  async drain(limit: number): Promise<Drained> {
    const { items, keyless, more } = await this.agent().call('drain', [limit]);
    const facts: InboxFact[] = [];
    for (const item of items) this.collect(item, 'live', facts, keyless);
    return { facts, keyless, more };
  }

  async chatHeads(): Promise<ChatHead[]> {
    return this.agent().call('chatHeads', []);
  }

  async sweep(wishes: SweepWish[]): Promise<SweptChat[]> {
    const asked = wishes.map(({ chatId, sinceSeconds }) => ({ chatId, sinceSeconds }));
    const swept = await this.agent().call('sweep', [asked, SWEEP_BUDGET_MS], SWEEP_TIMEOUT_MS);
    return swept.map((chat) => this.sweptOf(chat));
  }

  private sweptOf({ messages, ...rest }: RawSwept): SweptChat {
    const swept: SweptChat = { ...rest, facts: [] };
    for (const message of messages) {
      if (this.collect({ kind: 'message', message }, 'sweep', swept.facts, swept.keyless)) continue;
      const seconds = Number.isFinite(message.t) ? message.t : 0;
      swept.oldestKeylessSeconds = Math.min(swept.oldestKeylessSeconds ?? Infinity, seconds);
    }
    return swept;
  }

  async acksOf(waKeys: string[]): Promise<InboxFact[]> {
    const acks = await this.agent().call('acksOf', [waKeys]);
    return acks.map((ack) => ackFact(ack, this.clock.now()));
  }

  async directory(): Promise<{ chats: WaChat[]; contacts: WaPerson[] }> {
    const { chats, contacts } = await this.agent().call('directory', [DIRECTORY_LIMIT], DIRECTORY_TIMEOUT_MS);
    return { chats: chats.map(chatOf), contacts: contacts.map(personOf) };
  }

  /** @returns false for what makes no valid fact and was kept aside */
  private collect(item: RawItem, origin: 'live' | 'sweep', facts: InboxFact[], keyless: string[]): boolean {
    const fact = this.factOf(item, origin);
    if (fact) facts.push(fact);
    else keyless.push(JSON.stringify(item));
    return fact !== undefined;
  }

  private factOf(item: RawItem, origin: 'live' | 'sweep'): InboxFact | undefined {
    if (item.kind === 'ack') return validated(ackFact(item.ack, this.clock.now()));
    const isTime = Number.isFinite(item.message.t) && Math.abs(item.message.t) <= LATEST_SECONDS;
    return isTime ? validated(messageFact(item.message, origin)) : undefined;
  }
}

function validated(fact: InboxFact): InboxFact | undefined {
  return nodeFactSchema.safeParse(fact).success ? fact : undefined;
}
