import type { WireKey } from '../wire.js';
import { calls } from './calls.js';
import type { Chat } from './chat.js';
import { findLinks } from './links.js';
import type { Attributes } from './model.js';
import { Msg, revokedContent } from './msg.js';
import { MsgKey } from './msg-key.js';
import { reactionTableMode } from './reactions.js';
import type { PageSession } from './session.js';
import { cmd } from './socket.js';
import { pollVoteTableMode, votesTable } from './votes.js';

const EDIT_LIMIT_S = 15 * 60;

/** Modules of messages: keys, sending, quoting, editing, reacting, deleting. */
export function messageModules(page: PageSession): Record<string, object> {
  const { store, outbound } = page;
  Object.assign(cmd, deleteActions(page));
  return {
    WAWebMsgKey: MsgKey,
    WAWebSendMsgChatAction: {
      addAndSendMsgToChat: (chat: Chat, attributes: Attributes) => outbound.addAndSend(chat, attributes),
    },
    WALinkify: { findLinks, findLink: (text: unknown) => findLinks(text)[0] },
    WAWebLinkPreviewChatAction: { getLinkPreview: () => Promise.resolve(undefined) },
    WAWebMsgReply: { canReplyMsg: (msg: Msg) => msg.canReply() },
    WAWebQuotedMsgModelUtils: { getQuotedMsgObj: (msg: Msg) => quotedMsgOf(page, msg) },
    WAWebMsgActionCapability: {
      canSenderRevokeMsg: (msg: Msg) => msg.id.fromMe && msg.type !== 'revoked',
      canAdminRevokeMsg: (msg: Msg) =>
        msg.id.remote.isGroup() && (store.chats.get(msg.id.remote)?.iAmAdmin() ?? false),
      canEditText: (msg: Msg) => canEdit(msg) && msg.type === 'chat',
      canEditCaption: (msg: Msg) => canEdit(msg) && msg.type !== 'chat',
      canStarMsg: () => true,
    },
    WAWebSendMessageEditAction: {
      sendMessageEdit: async (msg: Msg, body: string) => {
        await page.connection.request({ name: 'edit', key: wireKey(page, msg), body });
        await changeStored(page, msg, body);
      },
    },
    WAWebSendReactionMsgAction: {
      sendReactionToMsg: (msg: Msg, emoji: string) =>
        page.connection.request({ name: 'react', key: wireKey(page, msg), emoji }),
    },
    WAWebMsgDataFromModel: { msgDataFromMsgModel: (msg: Msg) => msg.toJSON() },
    WAWebChatForwardMessage: {
      forwardMessages: ({ chat, msgs }: { chat: Chat; msgs: Msg[] }) => forward(page, chat, msgs),
    },
    WAWebApiMessageInfoStore: {
      queryMsgInfo: () => Promise.resolve({ delivery: [], read: [], played: [], deliveryRemaining: 0 }),
    },
    WAWebAddonReactionTableMode: { reactionTableMode },
    WAWebAddonPollVoteTableMode: { pollVoteTableMode },
    WAWebPollsVotesSchema: { getTable: () => votesTable(store) },
    WAWebBackendJobsCommon: { mediaTypeFromProtobuf: () => null },
    WAWebE2EProtoUtils: { typeAttributeFromProtobuf: () => 'text' },
    WAWebSyncGatingUtils: { isPlaceholderMessageResendEnabled: () => false },
    WAWebNonMessageDataRequestPlaceholderMessageResendUtils: { handlePlaceholderMsgsSeen: () => undefined },
    WAWebCallCollection: { calls, on: () => undefined, off: () => undefined },
  };
}

function canEdit(msg: Msg): boolean {
  return msg.id.fromMe && msg.type !== 'revoked' && Date.now() / 1000 - msg.t < EDIT_LIMIT_S;
}

function wireKey({ store }: PageSession, msg: Msg): WireKey {
  const { people } = store;
  const { me } = people;
  const sender = msg.id.fromMe ? me.phone : people.chatOf(msg.author ?? msg.from);
  const isGroup = msg.id.remote.isGroup();
  const chat = people.chatOf(msg.id.remote);
  return { id: msg.id.id, from: sender, to: isGroup || msg.id.fromMe ? chat : me.phone };
}

async function changeStored({ store }: PageSession, msg: Msg, body: string): Promise<void> {
  const field = msg.directPath === undefined ? 'body' : 'caption';
  const editedAt = Date.now();
  const stored = store.storedOf(msg);
  if (stored !== undefined) {
    const next = { ...stored, message: { ...stored.message, [field]: body }, editedAt };
    store.remember(next);
    await store.save({ messages: [next] });
  }
  msg.set({ [field]: body, latestEditSenderTimestampMs: editedAt });
}

function quotedMsgOf({ store }: PageSession, msg: Msg): Msg {
  const { quotedMsg, quotedStanzaID, quotedParticipant } = msg;
  const fromMe = quotedParticipant !== undefined && store.people.byWid(quotedParticipant) === store.people.me;
  const isGroup = msg.id.remote.isGroup();
  const id = new MsgKey({
    fromMe,
    remote: msg.id.remote,
    id: quotedStanzaID ?? '',
    ...(isGroup && quotedParticipant ? { participant: quotedParticipant } : {}),
  });
  return (
    store.msgs.get(id) ??
    new Msg({ ...quotedMsg, id, from: quotedParticipant, to: fromMe ? msg.id.remote : msg.to, t: msg.t })
  );
}

async function forward(page: PageSession, chat: Chat, msgs: Msg[]): Promise<void> {
  for (const msg of msgs) {
    const id = new MsgKey({ fromMe: true, remote: chat.id, id: await MsgKey.newId() });
    const t = Math.floor(Date.now() / 1000);
    const copy = { ...msg.toJSON(), id, t, ack: 0, isForwarded: true, isNewMsg: true, to: chat.id };
    await page.outbound.addAndSend(chat, copy)[0];
  }
}

function deleteActions(page: PageSession): Record<string, unknown> {
  const { store } = page;
  return {
    sendRevokeMsgs: async (_chat: Chat, { list }: { list: Msg[] }) => {
      for (const msg of list) {
        await page.connection.request({ name: 'revoke', key: wireKey(page, msg) });
        const stored = store.storedOf(msg);
        const revoked = { by: store.people.me.phone, timestamp: Math.floor(Date.now() / 1000) };
        if (stored !== undefined) {
          store.remember({ ...stored, revoked });
          await store.save({ messages: [{ ...stored, revoked }] });
        }
        msg.set(revokedContent(revoked, store.people));
      }
    },
    sendDeleteMsgs: async (chat: Chat, { list }: { list: Msg[] }) => {
      const keys = list.map((msg) => {
        const { from, id } = wireKey(page, msg);
        return `${from} ${id}`;
      });
      await store.save({ removedMessages: keys });
      for (const key of keys) store.stored.delete(key);
      for (const msg of list) {
        chat.msgs.remove(msg.id);
        store.msgs.remove(msg.id);
      }
    },
  };
}
