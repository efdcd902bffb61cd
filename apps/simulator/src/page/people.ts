import type { WireMessage, WirePerson } from '../wire.js';
import { is2026 } from './boot.js';
import { Wid } from './wid.js';

/** Whom this page knows: phone, LID and name of each. A number it never resolved has no LID here. */
export class People {
  #me: WirePerson | undefined;
  readonly #byPhone = new Map<string, WirePerson>();
  readonly #byLid = new Map<string, WirePerson>();

  get me(): WirePerson {
    if (this.#me === undefined) throw new Error('this page is not logged in');
    return this.#me;
  }

  get isLoggedIn(): boolean {
    return this.#me !== undefined;
  }

  setMe(me: WirePerson): void {
    this.#me = me;
    this.learn([me]);
  }

  learn(people: WirePerson[]): void {
    for (const person of people) {
      this.#byPhone.set(person.phone, person);
      this.#byLid.set(person.lid, person);
    }
  }

  list(): WirePerson[] {
    return [...this.#byPhone.values()];
  }

  byPhone(phone: string): WirePerson | undefined {
    return this.#byPhone.get(phone);
  }

  byWid(wid: Wid): WirePerson | undefined {
    return wid.isLid() ? this.#byLid.get(wid.user) : this.#byPhone.get(wid.user);
  }

  phoneWid(person: WirePerson): Wid | undefined {
    return person.lidOnly ? undefined : new Wid(person.phone, 'c.us');
  }

  lidWid(person: WirePerson): Wid {
    return new Wid(person.lid, 'lid');
  }

  /** The address under which chats and messages show this person: the LID in the 2026-09 build. */
  addressOf(person: WirePerson): Wid {
    return is2026 || person.lidOnly ? this.lidWid(person) : new Wid(person.phone, 'c.us');
  }

  /** The address of a phone, or the group id as it is. */
  addressOfChat(chat: string): Wid {
    if (chat.endsWith('@g.us')) return new Wid(chat.slice(0, -'@g.us'.length), 'g.us');
    const person = this.#byPhone.get(chat);
    return person === undefined ? new Wid(chat, 'c.us') : this.addressOf(person);
  }

  /** Where a message of this chat shows: one-to-one chats may exist under both of a person's ids. */
  addressOfMessage({ address }: WireMessage, chat: string): Wid {
    const person = this.#byPhone.get(chat);
    if (person === undefined || address === undefined) return this.addressOfChat(chat);
    return address === 'lid' ? this.lidWid(person) : (this.phoneWid(person) ?? this.lidWid(person));
  }

  /** The network's name for a chat: a phone, or a group id. */
  chatOf(wid: Wid): string {
    if (wid.isGroup()) return wid._serialized;
    return this.byWid(wid)?.phone ?? wid.user;
  }
}
