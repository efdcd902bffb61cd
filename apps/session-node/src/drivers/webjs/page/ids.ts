import type { RawIds, RawKey } from './agent-api.js';
import { wa, type WaKey, type WaWid } from './wa.js';

/** `user@server` of an address, from its parts; undefined for what is none. */
export function widText(wid: WaWid | string | null | undefined): string | undefined {
  if (typeof wid === 'string')
    return wid.includes('@') ? wid.replace(/@s\.whatsapp\.net$/, '@c.us') : undefined;
  if (typeof wid?.user !== 'string' || typeof wid.server !== 'string') return undefined;
  return `${wid.user}@${wid.server === 's.whatsapp.net' ? 'c.us' : wid.server}`;
}

export function toWid(text: string): WaWid {
  return wa('WAWebWidFactory').createWid(text);
}

function lookUp(find: () => WaWid | null | undefined): string | undefined {
  try {
    return widText(find());
  } catch {
    // Both builds throw for people they know nothing of: then there is no other form.
    return undefined;
  }
}

/** All that is known of an address: the phone form is the canonical one. */
export function idsOf(text: string): RawIds {
  const contacts = wa('WAWebApiContact');
  if (text.endsWith('@lid')) {
    const phoneForm = lookUp(() => contacts.getPhoneNumber(toWid(text)));
    return { id: phoneForm ?? text, phone: userOf(phoneForm), lid: text };
  }
  if (text.endsWith('@c.us')) {
    const lid = lookUp(() => contacts.getCurrentLid(toWid(text)));
    return { id: text, phone: userOf(text), lid: lid ?? null };
  }
  return { id: text, phone: null, lid: null };
}

function userOf(text: string | undefined): string | null {
  return text?.split('@')[0] ?? null;
}

/** Every form of an address, as given first. */
export function formsOf(text: string): string[] {
  const { id, lid } = idsOf(text);
  return [...new Set([text, id, ...(lid ? [lid] : [])])];
}

/** A message key's parts with canonical ids; undefined for a key that names no message. */
export function keyParts(key: WaKey | undefined): RawKey | undefined {
  const remote = widText(key?.remote);
  if (!key || remote === undefined || typeof key.id !== 'string' || key.id === '') return undefined;
  const participant = widText(key.participant);
  return {
    fromMe: key.fromMe === true,
    remote: idsOf(remote).id,
    id: key.id,
    participant: participant === undefined ? null : idsOf(participant).id,
  };
}

/** Parts of our text form `fromMe_remote_id[_participant]`. */
export function parseWaKey(text: string): RawKey | undefined {
  const [fromMe, remote, id, participant = null] = text.split('_');
  if ((fromMe !== 'true' && fromMe !== 'false') || !remote || !id) return undefined;
  return { fromMe: fromMe === 'true', remote, id, participant };
}

/** The page's own text forms of a key, under every form of the ids in it. */
export function keyTexts(key: RawKey): string[] {
  const participants = key.participant === null ? [undefined] : formsOf(key.participant);
  return formsOf(key.remote).flatMap((remote) =>
    participants.map((participant) => {
      const head = `${String(key.fromMe)}_${remote}_${key.id}`;
      return participant === undefined ? head : `${head}_${participant}`;
    }),
  );
}
