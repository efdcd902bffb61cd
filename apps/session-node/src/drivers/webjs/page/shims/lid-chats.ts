import { widText } from '../ids.js';
import { wa, type WaWid } from '../wa.js';
import type { Shim } from './shim.js';

/** Asked WhatsApp: nobody has this number. */
export class NotOnWhatsApp extends Error {
  constructor() {
    super('the number is not on WhatsApp');
  }
}

/**
 * Current builds key one-to-one chats by LID and throw `No LID for user` for a number that the page never resolved.
 * Resolves the number first; afterwards the page knows its LID. On builds that key
 * chats by phone it only costs that question, which also tells who is not on WhatsApp. Gone when sending to a new
 * number works without it.
 */
export const lidChatsShim: Shim & { used: boolean } = {
  name: 'lid-chats',
  when: 'early',
  used: false,
  apply() {
    const chats = wa('WAWebFindChatAction');
    const find = chats.findOrCreateLatestChat.bind(chats);
    chats.findOrCreateLatestChat = async (wid) => {
      const wasUnknown = await resolveNumber(wid);
      const found = await find(wid);
      if (wasUnknown && widText(found?.chat?.id)?.endsWith('@lid')) this.used = true;
      return found;
    };
    return this.used;
  },
};

/** @returns true when the number had to be asked for. @throws NotOnWhatsApp */
async function resolveNumber(wid: WaWid): Promise<boolean> {
  if (!widText(wid)?.endsWith('@c.us') || wa('WAWebApiContact').getCurrentLid(wid)) return false;
  const answer = await wa('WAWebQueryExistsJob').queryWidExists(wid);
  if (!answer?.wid) throw new NotOnWhatsApp();
  return true;
}
