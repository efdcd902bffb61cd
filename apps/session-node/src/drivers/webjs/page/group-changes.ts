import type { RawItem } from './agent-api.js';
import { keyParts, widText } from './ids.js';
import { chatPerson, personOf } from './raw-message.js';
import type { WaMsg } from './wa.js';

/** A mark in a group's chat that says what changed. */
export function isGroupChange({ type }: WaMsg): boolean {
  return type === 'gp2';
}

/** None for a mark that cannot be read: it holds nothing back. */
export function groupItems(msg: WaMsg): RawItem[] {
  const key = keyParts(msg.id);
  const remote = widText(msg.id?.remote);
  if (!key || !remote?.endsWith('@g.us') || !msg.subtype) return [];
  const by = widText(msg.author);
  const recipients = (msg.recipients ?? []).flatMap((one) => widText(one) ?? []);
  // Who leaves does it by themselves.
  const people = recipients.length === 0 && msg.subtype === 'leave' && by !== undefined ? [by] : recipients;
  return [
    {
      kind: 'group',
      change: {
        id: key.id,
        chat: chatPerson(remote),
        change: msg.subtype,
        by: by === undefined ? null : personOf(by),
        people: people.map((one) => personOf(one)),
        value: typeof msg.body === 'string' && msg.body !== '' ? msg.body : null,
        t: msg.t,
      },
    },
  ];
}
