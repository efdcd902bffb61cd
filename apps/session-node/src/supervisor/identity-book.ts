import type { NodeFact, WaChat, WaPerson } from '#contracts';
import type { InboxFact } from '../drivers/driver.js';

type Known = Pick<WaPerson | WaChat, 'phone' | 'lid'>;
type Identities = Extract<NodeFact, { kind: 'identities' }>;

/** As the contract has them: the page also knows people by other ids. */
const PHONE = /^\d{5,20}$/;
const LID = /^\d{5,32}@lid$/;
const PAIRS_MAX = 500;
const REMEMBERED_MAX = 20_000;

/** Which people's two ids were reported to be one, so that each pair is told once in a while and not with each message. */
export class IdentityBook {
  private readonly told = new Map<string, string>();

  /** Facts for the pairs among these that were not told. */
  news(people: readonly Known[]): Identities[] {
    const pairs: Identities['pairs'] = [];
    for (const { phone, lid } of people) {
      if (phone === null || lid === null || this.told.get(lid) === phone) continue;
      if (!PHONE.test(phone) || !LID.test(lid)) continue;
      this.remember(lid, phone);
      pairs.push({ phone, lid });
    }
    const facts: Identities[] = [];
    for (let at = 0; at < pairs.length; at += PAIRS_MAX) {
      facts.push({ kind: 'identities', pairs: pairs.slice(at, at + PAIRS_MAX) });
    }
    return facts;
  }

  private remember(lid: string, phone: string): void {
    this.told.set(lid, phone);
    if (this.told.size <= REMEMBERED_MAX) return;
    const [oldest] = this.told.keys();
    if (oldest !== undefined) this.told.delete(oldest);
  }
}

/** Everybody whom a fact names. */
export function peopleOf(fact: InboxFact): Known[] {
  switch (fact.kind) {
    case 'message.upsert':
      return [fact.message.chat, fact.message.author];
    case 'message.ack':
      return [];
    case 'message.edit':
      return [fact.target.chat];
    case 'message.revoke':
      return [fact.target.chat, ...(fact.by ? [fact.by] : [])];
    case 'message.reactions':
      return [fact.target.chat, ...fact.reactions.map(({ sender }) => sender)];
    case 'call':
      return [fact.chat, ...(fact.from ? [fact.from] : [])];
    case 'group.change':
      return [...fact.people, ...(fact.by ? [fact.by] : [])];
    case 'poll.vote':
      return [fact.target.chat, fact.voter];
  }
}
