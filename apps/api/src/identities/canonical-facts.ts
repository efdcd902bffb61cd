import type { NodeFact, WaChat, WaPerson } from '#contracts';

/** A LID and the phone number of the same person. */
export interface IdentityPair {
  lid: string;
  /** E.164 without +. */
  phone: string;
}

/** The pairs that a session knows. */
export class KnownIdentities {
  private readonly phones: ReadonlyMap<string, string>;
  private readonly lids: ReadonlyMap<string, string>;

  constructor(pairs: readonly IdentityPair[]) {
    this.phones = new Map(pairs.map(({ lid, phone }) => [lid, phone]));
    this.lids = new Map(pairs.map(({ lid, phone }) => [phone, lid]));
  }

  has({ lid, phone }: IdentityPair): boolean {
    return this.phones.get(lid) === phone;
  }

  /** Someone under the id that their rows have, with all that is known of them. */
  canonical<T extends Pick<WaPerson, 'id' | 'phone' | 'lid'>>(person: T): T {
    const said = { lid: lidOf(person), phone: phoneOf(person) };
    const phone = said.phone ?? (said.lid === null ? null : (this.phones.get(said.lid) ?? null));
    const lid = said.lid ?? (phone === null ? null : (this.lids.get(phone) ?? null));
    if (phone === null && lid === null) return person;
    return { ...person, phone, lid, id: phone === null ? (lid ?? person.id) : phoneForm(phone) };
  }
}

const LID = /^\d{5,32}@lid$/;
const PHONE_FORM = /^(\d{5,20})@c\.us$/;

export function phoneForm(phone: string): string {
  return `${phone}@c.us`;
}

/** What facts themselves say of who is who; of two that disagree the later one. */
export function pairsOf(facts: readonly NodeFact[]): IdentityPair[] {
  const phones = new Map<string, string>();
  const lids = new Map<string, string>();
  const learn = (lid: string | null, phone: string | null) => {
    if (lid === null || phone === null || phones.get(lid) === phone) return;
    phones.delete(lids.get(phone) ?? '');
    lids.delete(phones.get(lid) ?? '');
    phones.set(lid, phone);
    lids.set(phone, lid);
  };
  for (const fact of facts) {
    if (fact.kind === 'identities') for (const { lid, phone } of fact.pairs) learn(lid, phone);
    for (const someone of namedIn(fact)) learn(lidOf(someone), phoneOf(someone));
  }
  return [...phones].map(([lid, phone]) => ({ lid, phone }));
}

/** LIDs and phones that the facts name: what to look up. */
export function namesIn(facts: readonly NodeFact[]): { lids: string[]; phones: string[] } {
  const all = facts.flatMap(namedIn);
  const pairs = pairsOf(facts);
  return {
    lids: distinct([...all.map(lidOf), ...pairs.map(({ lid }) => lid)]),
    phones: distinct([...all.map(phoneOf), ...pairs.map(({ phone }) => phone)]),
  };
}

/** The facts with everyone under the id that their rows have. */
export function withCanonicalIds(facts: readonly NodeFact[], known: KnownIdentities): NodeFact[] {
  const person = (one: WaPerson) => known.canonical(one);
  const chat = (one: WaChat) => (one.kind === 'person' ? known.canonical(one) : one);
  return facts.map((fact): NodeFact => {
    switch (fact.kind) {
      case 'message.upsert': {
        const { message } = fact;
        return { ...fact, message: { ...message, chat: chat(message.chat), author: person(message.author) } };
      }
      case 'message.edit':
        return { ...fact, target: { ...fact.target, chat: chat(fact.target.chat) } };
      case 'message.revoke': {
        const target = { ...fact.target, chat: chat(fact.target.chat) };
        return { ...fact, target, by: fact.by && person(fact.by) };
      }
      case 'message.reactions': {
        const target = { ...fact.target, chat: chat(fact.target.chat) };
        const reactions = fact.reactions.map((one) => ({ ...one, sender: person(one.sender) }));
        return { ...fact, target, reactions };
      }
      case 'gap':
        return { ...fact, chat: chat(fact.chat) };
      case 'call':
        return { ...fact, chat: chat(fact.chat), from: fact.from && person(fact.from) };
      case 'group.change':
        return { ...fact, by: fact.by && person(fact.by), people: fact.people.map(person) };
      case 'poll.vote': {
        const target = { ...fact.target, chat: chat(fact.target.chat) };
        return { ...fact, target, voter: person(fact.voter) };
      }
      case 'chats':
        return { ...fact, chats: fact.chats.map(chat) };
      case 'contacts':
        return { ...fact, contacts: fact.contacts.map(person) };
      default:
        return fact;
    }
  });
}

type Someone = Pick<WaPerson, 'id' | 'phone' | 'lid'>;

/** Everyone that a fact names. */
function namedIn(fact: NodeFact): Someone[] {
  const chat = (one: WaChat): Someone[] => (one.kind === 'person' ? [one] : []);
  switch (fact.kind) {
    case 'message.upsert':
      return [...chat(fact.message.chat), fact.message.author];
    case 'message.edit':
      return chat(fact.target.chat);
    case 'message.revoke':
      return [...chat(fact.target.chat), ...(fact.by ? [fact.by] : [])];
    case 'message.reactions':
      return [...chat(fact.target.chat), ...fact.reactions.map(({ sender }) => sender)];
    case 'gap':
      return chat(fact.chat);
    case 'call':
      return [...chat(fact.chat), ...(fact.from ? [fact.from] : [])];
    case 'group.change':
      return [...fact.people, ...(fact.by ? [fact.by] : [])];
    case 'poll.vote':
      return [...chat(fact.target.chat), fact.voter];
    case 'chats':
      return fact.chats.flatMap(chat);
    case 'contacts':
      return fact.contacts;
    default:
      return [];
  }
}

function lidOf({ id, lid }: Someone): string | null {
  return [lid, id].find((one) => one !== null && LID.test(one)) ?? null;
}

function phoneOf({ id, phone }: Someone): string | null {
  return phone ?? PHONE_FORM.exec(id)?.[1] ?? null;
}

function distinct(values: readonly (string | null)[]): string[] {
  return [...new Set(values.filter((value) => value !== null))];
}
