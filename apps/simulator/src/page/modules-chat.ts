import type { ChatState } from '../wire.js';
import { is2026 } from './boot.js';
import type { Chat } from './chat.js';
import { Collection } from './collection.js';
import { pageError } from './errors.js';
import { Model } from './model.js';
import type { Msg } from './msg.js';
import { ReactionCollection } from './reactions.js';
import type { PageSession } from './session.js';
import { cmd } from './socket.js';
import { type Wid, createWid } from './wid.js';

/** @throws in the 2026-09 build `No LID for user` for a number whose LID this page never learnt */
export function findOrCreateChat({ store }: PageSession, wid: Wid): Promise<Chat> {
  const known = store.chats.get(wid);
  if (known !== undefined) return Promise.resolve(known);
  if (is2026 && wid.server === 'c.us' && store.people.byWid(wid) === undefined) {
    return Promise.reject(new Error('No LID for user'));
  }
  return Promise.resolve(store.chatFor(store.people.chatOf(wid)));
}

/** Modules of chats: the collections, finding, reading, archiving, typing. */
export function chatModules(page: PageSession): Record<string, object> {
  const { store } = page;
  Object.assign(cmd, chatActions(page));
  return {
    WAWebCollections: collections(page),
    WAWebWidFactory: {
      createWid,
      createWidFromWidLike: createWid,
      createUserWid: (user: string, server = 'c.us') => createWid(`${user}@${server}`),
      createUserWidOrThrow: (user: string, server = 'c.us') => createWid(`${user}@${server}`),
      asUserWidOrThrow: asUserWid,
      asChatWidOrThrow: createWid,
      toUserWid: asUserWid,
      isWidlike: (value: unknown) => typeof value === 'object' && value !== null && '_serialized' in value,
    },
    WAWebWidToJid: {
      widToUserJid: (wid: Wid) => wid.toJid(),
      widToGroupJid: (wid: Wid) => wid.toJid(),
      widToChatJid: (wid: Wid) => wid.toJid(),
    },
    WAWebJidToWid: { userJidToUserWid: (jid: string) => createWid(jid) },
    WAWebChatGetters: {
      getIsNewsletter: (chat: Chat) => {
        page.faults.beforeId();
        return chat.id.isNewsletter();
      },
      getIsBroadcast: (chat: Chat) => chat.id.isBroadcast(),
      getIsGroup: (chat: Chat) => chat.id.isGroup(),
      getIsUser: (chat: Chat) => chat.id.isUser(),
    },
    WAWebFindChatAction: {
      findOrCreateLatestChat: async (wid: Wid) => ({ chat: await findOrCreateChat(page, createWid(wid)) }),
    },
    WAWebUpdateUnreadChatAction: { sendSeen: ({ chat }: { chat: Chat }) => sendSeen(page, chat) },
    WAWebChatLoadMessages: { loadEarlierMsgs: (asked: unknown) => loadEarlier(page, asked) },
    WAWebGetEphemeralFieldsMsgActionsUtils: { getEphemeralFields: () => ({}) },
    WAWebChatStateBridge: {
      sendChatStateComposing: (wid: Wid) => sendChatState(page, wid, 'composing'),
      sendChatStateRecording: (wid: Wid) => sendChatState(page, wid, 'recording'),
      sendChatStatePaused: (wid: Wid) => sendChatState(page, wid, 'paused'),
    },
    WAWebChatMessageSearch: { getSearchContext: (chat: Chat) => Promise.resolve({ collection: chat.msgs }) },
    WAWebDeleteChatAction: { sendDelete: (chat: Chat) => Promise.resolve(void store.chats.remove(chat.id)) },
    WAWebChatClearBridge: { sendClear: (chat: Chat) => clearChat(page, chat) },
  };
}

function collections({ store }: PageSession): object {
  const empty = () => new Collection<Model & { id: unknown }>();
  const groupMetadata = Object.assign(store.groupMetadata, {
    update: (wid: unknown) => Promise.resolve(store.groupMetadata.get(wid)),
  });
  return {
    Msg: store.msgs,
    Chat: store.chats,
    Contact: store.contacts,
    GroupMetadata: groupMetadata,
    WAWebGroupMetadataCollection: groupMetadata,
    Blocklist: empty(),
    BusinessProfile: empty(),
    Label: empty(),
    ProfilePicThumb: empty(),
    Reactions: new ReactionCollection(store),
    Status: empty(),
    WAWebNewsletterCollection: empty(),
  };
}

function asUserWid(value: unknown): Wid {
  const wid = createWid(value);
  if (!wid.isUser()) throw pageError('wid error: not a user');
  return wid;
}

async function sendSeen(page: PageSession, chat: Chat): Promise<void> {
  if (chat.unreadCount === 0) return;
  chat.unreadCount = 0;
  const name = page.store.people.chatOf(chat.id);
  await page.store.saveChat(name);
  page.send({ t: 'seen', chat: name });
}

function sendChatState(page: PageSession, wid: Wid, state: ChatState): Promise<void> {
  page.send({ t: 'chatState', chat: page.store.people.chatOf(createWid(wid)), state });
  return Promise.resolve();
}

/** The 2026-09 build takes one options object; older ones took the chat itself as well. */
function loadEarlier({ store }: PageSession, asked: unknown): Promise<Msg[]> {
  const isOptions = typeof asked === 'object' && asked !== null && 'chat' in asked;
  if (!isOptions && is2026) return Promise.reject(pageError('loadEarlierMsgs takes one options object'));
  const chat = (isOptions ? asked.chat : asked) as Chat;
  return Promise.resolve(store.loadEarlier(chat, 50));
}

async function clearChat({ store }: PageSession, chat: Chat): Promise<void> {
  const name = store.people.chatOf(chat.id);
  const removed = [...store.stored.values()].filter((stored) => stored.chat === name);
  for (const { key } of removed) store.stored.delete(key);
  for (const msg of chat.msgs.getModelsArray()) {
    store.msgs.remove(msg.id);
    chat.msgs.remove(msg.id);
  }
  await store.save({ removedMessages: removed.map(({ key }) => key) });
}

function chatActions({ store }: PageSession): Record<string, unknown> {
  const save = (chat: Chat) => store.saveChat(store.people.chatOf(chat.id));
  return {
    archiveChat: (chat: Chat, archive: boolean) => save(chat.set({ archive })),
    pinChat: (chat: Chat, pin: boolean) => save(chat.set({ pin: pin ? Date.now() : 0 })),
    markChatUnread: (chat: Chat, unread: boolean) => save(chat.set({ unreadCount: unread ? -1 : 0 })),
    openChatBottom: () => Promise.resolve(true),
    openChatAt: () => Promise.resolve(true),
  };
}
