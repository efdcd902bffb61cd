import { nodeFactSchema, type WaChat, type WaPerson } from '#contracts';
import type { Clock } from '#kernel';
import type {
  ChangedPiece,
  ChatHead,
  Drained,
  DriverInbox,
  InboxFact,
  InboxPiece,
  MessagePlace,
  SweepWish,
  SweptChat,
  Unreported,
} from '../driver.js';
import { chatOf, factOf, personOf } from './converters/index.js';
import type { RawItem, RawSwept } from './page/agent-api.js';
import type { PageAgent } from './page-agent.js';

const SWEEP_BUDGET_MS = 8_000;
const SWEEP_TIMEOUT_MS = 30_000;
const DIRECTORY_LIMIT = 5_000;
const DIRECTORY_TIMEOUT_MS = 30_000;

/** The inbox of a WhatsApp Web page. What does not make a valid fact is kept aside, never dropped. */
export class WebjsInbox implements DriverInbox {
  constructor(
    private readonly agent: () => PageAgent,
    private readonly clock: Clock,
  ) {}

  async drain(limit: number): Promise<Drained> {
    const { items, keyless, more } = await this.agent().call('drain', [limit]);
    const { facts, unreported, unreportedAt } = this.sorted(items, keyless, 'live');
    return { facts, unreported, unreportedAt, more };
  }

  async chatHeads(): Promise<ChatHead[]> {
    return this.agent().call('chatHeads', []);
  }

  async sweep(wishes: SweepWish[]): Promise<SweptChat[]> {
    const asked = wishes.map(({ chatId, sinceSeconds, loadSeconds, again }) => ({
      chatId,
      sinceSeconds,
      loadSeconds,
      again,
    }));
    const swept = await this.agent().call('sweep', [asked, SWEEP_BUDGET_MS], SWEEP_TIMEOUT_MS);
    return swept.map((chat) => this.sweptOf(chat));
  }

  async changesSince(sinceSeconds: number, baselineSeconds: number, from: number): Promise<ChangedPiece> {
    const args: [number, number, number] = [sinceSeconds, baselineSeconds, from];
    const { items, next, isWhole } = await this.agent().call('changesSince', args, SWEEP_TIMEOUT_MS);
    const { facts, unreported } = this.sorted(items, [], 'sweep');
    return { facts, unreported, next, isWhole };
  }

  async standOf(waKeys: string[], from: number): Promise<InboxPiece> {
    const { items, next } = await this.agent().call('standOf', [waKeys, from], SWEEP_TIMEOUT_MS);
    const { facts, unreported } = this.sorted(items, [], 'sweep');
    return { facts, unreported, next };
  }

  async acksOf(waKeys: string[]): Promise<InboxFact[]> {
    const acks = await this.agent().call('acksOf', [waKeys]);
    const items = acks.map((ack) => ({ kind: 'ack' as const, ack }));
    return this.sorted(items, [], 'sweep').facts;
  }

  async directory(): Promise<{ chats: WaChat[]; contacts: WaPerson[] }> {
    const { chats, contacts } = await this.agent().call('directory', [DIRECTORY_LIMIT], DIRECTORY_TIMEOUT_MS);
    return { chats: chats.map(chatOf), contacts: contacts.map(personOf) };
  }

  private sweptOf({ items, keyless, oldestKeylessSeconds, ...rest }: RawSwept): SweptChat {
    const { facts, unreported, unreportedAt } = this.sorted(items, keyless, 'sweep');
    const oldest = unreportedAt.map(({ seconds }) => seconds);
    if (oldestKeylessSeconds !== null) oldest.push(oldestKeylessSeconds);
    const oldestUnreportedSeconds = oldest.length > 0 ? Math.min(...oldest) : null;
    return { ...rest, facts, unreported, oldestUnreportedSeconds };
  }

  /** Facts, and what makes none with the places of the messages among it. */
  private sorted(items: readonly RawItem[], keyless: readonly string[], origin: 'live' | 'sweep') {
    const facts: InboxFact[] = [];
    const unreported = keyless.map((event): Unreported => ({ reason: 'no_key', event }));
    const unreportedAt: MessagePlace[] = [];
    for (const item of items) {
      const fact = this.validFact(item, origin);
      if (fact) facts.push(fact);
      else {
        unreported.push({ reason: 'unreadable', event: JSON.stringify(item) });
        unreportedAt.push(...placesOf(item));
      }
    }
    return { facts, unreported, unreportedAt };
  }

  private validFact(item: RawItem, origin: 'live' | 'sweep'): InboxFact | undefined {
    try {
      const fact = factOf(item, origin, this.clock.now());
      return nodeFactSchema.safeParse(fact).success ? fact : undefined;
    } catch (error) {
      // A time that is none.
      if (error instanceof RangeError) return undefined;
      throw error;
    }
  }
}

/** A change holds no chat back. */
function placesOf(item: RawItem): MessagePlace[] {
  if (item.kind !== 'message') return [];
  const { chat, t } = item.message;
  return [{ chatId: chat.id, seconds: Number.isFinite(t) ? t : 0 }];
}
