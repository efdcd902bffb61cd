import { utils, wa } from './wa.js';

/** Shows "typing" in a chat, which WhatsApp lets go by itself; false when the page could not. */
export async function showTyping(chatId: string): Promise<boolean> {
  try {
    const chat = await utils().getChat(chatId, { getAsModel: false });
    if (!chat) return false;
    await wa('WAWebChatStateBridge').sendChatStateComposing(chat.id);
    return true;
  } catch {
    // Whatever is wrong with the chat or the page, the send that follows finds out, and says it.
    return false;
  }
}
