import type { RawPerson } from './agent-api.js';
import { widText } from './ids.js';
import { chatPerson, personOf } from './raw-message.js';
import { wa } from './wa.js';

const KINDS: Record<string, string> = {
  'c.us': 'person',
  lid: 'person',
  'g.us': 'group',
  broadcast: 'broadcast',
  newsletter: 'newsletter',
};

/** Chats and people the page knows, up to `limit` of each. */
export function directory(limit: number): { chats: (RawPerson & { kind: string })[]; contacts: RawPerson[] } {
  const { Chat, Contact } = wa('WAWebCollections');
  const chats = new Map<string, RawPerson & { kind: string }>();
  for (const chat of Chat.getModelsArray().slice(0, limit)) {
    const kind = KINDS[chat.id.server ?? ''];
    const text = widText(chat.id);
    if (kind === undefined || text === undefined) continue;
    const person = chatPerson(text);
    chats.set(person.id, { ...person, kind });
  }
  const contacts = new Map<string, RawPerson>();
  for (const contact of Contact.getModelsArray().slice(0, limit)) {
    const text = widText(contact.id);
    if (text === undefined || KINDS[contact.id.server ?? ''] !== 'person') continue;
    const person = personOf(text);
    contacts.set(person.id, person);
  }
  return { chats: [...chats.values()], contacts: [...contacts.values()] };
}
