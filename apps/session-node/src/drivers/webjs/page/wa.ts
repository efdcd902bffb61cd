/** WhatsApp Web's modules, as far as we touch them. Names and shapes: whatsapp-web.js 1.34.7 and its issues. */

export interface WaWid {
  user?: string;
  server?: string;
}

export interface WaKey {
  fromMe?: boolean;
  remote?: WaWid | string;
  id?: string;
  participant?: WaWid | string;
}

export interface WaMsg {
  id?: WaKey;
  type: string;
  t: number;
  body?: string;
  caption?: string;
  ack?: number;
  isNewMsg?: boolean;
  subtype?: string;
  from?: WaWid;
  to?: WaWid;
  author?: WaWid;
  notifyName?: string;
  mimetype?: string;
  filename?: string;
  size?: number;
  filehash?: string;
  encFilehash?: string;
  directPath?: string;
  mediaKey?: string;
  mediaKeyTimestamp?: number;
  mediaData?: { mediaStage: string };
  quotedStanzaID?: string;
  lat?: number;
  lng?: number;
  loc?: string;
  vcardList?: { vcard?: string }[];
  pollName?: string;
  pollOptions?: { name?: string; localId?: number }[];
  /** Of a mark in a group's chat: whom it concerns. */
  recipients?: (WaWid | string)[];
  latestEditSenderTimestampMs?: number;
  revokeSender?: WaWid;
  /** Unix seconds. */
  revokeTimestamp?: number;
  hasReaction?: boolean;
  downloadMedia?(options: object): Promise<unknown>;
}

export interface WaChat {
  id: WaWid;
  t?: number;
  name?: string;
  formattedTitle?: string;
  msgs: { getModelsArray(): WaMsg[] };
}

export interface WaContact {
  id: WaWid;
  name?: string;
  pushname?: string;
  formattedName?: string;
}

/** A row of the page's table of reactions, as its `bulkUpsert` is given it (whatsapp-web.js, Client.js). */
export interface WaReaction {
  id?: WaKey;
  reactionParentKey?: WaKey;
  reactionText?: string;
  /** Milliseconds. */
  reactionTimestamp?: number;
  author?: WaWid;
  from?: WaWid;
}

/** One person's reaction, as the collection of reactions shows it (whatsapp-web.js, Reaction.js). */
export interface WaReactionSender {
  msgKey?: WaKey;
  reactionText?: string;
  timestamp?: number;
  senderUserJid?: WaWid | string;
}

interface WaReactionGroups {
  reactions: {
    getModelsArray(): { senders: WaReactionSender[] | { getModelsArray(): WaReactionSender[] } }[];
  };
}

/** A call as the page's map of calls holds it (whatsapp-web.js, Client.js). */
export interface WaCall {
  id?: string;
  peerJid?: WaWid | string;
  isVideo?: boolean;
  isGroup?: boolean;
  outgoing?: boolean;
  /** Unix seconds. */
  offerTime?: number;
}

/** A row of the page's table of votes, as its `bulkUpsert` is given it, and as it is read (whatsapp-web.js, Client.js). */
export interface WaVote {
  id?: WaKey;
  pollUpdateParentKey?: WaKey;
  parentMsgKey?: string;
  selectedOptionLocalIds?: ArrayLike<number> | ArrayBuffer;
  /** Milliseconds. */
  senderTimestampMs?: number;
  author?: WaWid | string;
  from?: WaWid | string;
  sender?: WaWid | string;
}

interface Listenable<T> {
  on(event: string, handler: (model: T, value?: unknown) => void): unknown;
}

interface WaModules {
  WAWebCollections: {
    Msg: Listenable<WaMsg> & {
      get(id: unknown): WaMsg | undefined;
      getMessagesById(ids: unknown[]): Promise<{ messages?: WaMsg[] } | undefined>;
      getModelsArray(): WaMsg[];
    };
    Chat: { get(id: unknown): WaChat | undefined; getModelsArray(): WaChat[] };
    Contact: { get(id: unknown): WaContact | undefined; getModelsArray(): WaContact[] };
    Reactions: { find(msgKey: string): Promise<WaReactionGroups | null | undefined> };
  };
  WAWebSocketModel: {
    Socket: Listenable<unknown> & { state?: string; hasSynced?: boolean; logout(): Promise<void> };
  };
  WAWebStreamModel: { Stream: { mode?: string } };
  WAWebConnModel: { Conn: { pushname?: string } };
  WAWebCmd: { Cmd: { refreshQR?: () => void } };
  WAWebMsgKey: { newId(): Promise<string> | string } & (new (parts: object) => WaKey);
  WAWebWidFactory: { createWid(text: string): WaWid };
  WAWebUserPrefsMeUser: {
    getMaybeMePnUser(): WaWid | null | undefined;
    getMaybeMeLidUser(): WaWid | null | undefined;
  };
  WAWebApiContact: {
    getCurrentLid(wid: WaWid): WaWid | null | undefined;
    getPhoneNumber(wid: WaWid): WaWid | null | undefined;
  };
  WAWebQueryExistsJob: { queryWidExists(wid: WaWid): Promise<{ wid?: WaWid } | null | undefined> };
  WAWebFindChatAction: { findOrCreateLatestChat(wid: WaWid): Promise<{ chat?: WaChat } | undefined> };
  WAWebSendMsgChatAction: {
    addAndSendMsgToChat(
      chat: WaChat,
      message: { id?: WaKey; wagateSend?: string },
    ): [Promise<unknown>, Promise<unknown>];
  };
  WALinkify: { findLink(text: string): object | null | undefined };
  WAWebLinkPreviewChatAction: {
    getLinkPreview(link: object): Promise<{ data?: object } | null | undefined>;
  };
  WAWebChatStateBridge: { sendChatStateComposing(wid: WaWid): Promise<unknown> };
  WAWebChatLoadMessages: { loadEarlierMsgs(options: { chat: WaChat }): Promise<WaMsg[] | undefined> };
  WAWebAddonReactionTableMode: {
    reactionTableMode: { bulkUpsert(reactions: WaReaction[], ...rest: unknown[]): unknown };
  };
  WAWebAddonPollVoteTableMode: {
    pollVoteTableMode: { bulkUpsert(votes: WaVote[], ...rest: unknown[]): unknown };
  };
  WAWebPollsVotesSchema: { getTable(): { equals(index: string[], value: string): Promise<WaVote[]> } };
  WAWebCallCollection: object;
  WAWebDownloadManager: {
    downloadManager: { downloadAndMaybeDecrypt(request: object): Promise<ArrayBuffer> };
  };
  WAWebAltDeviceLinkingApi: {
    setPairingType(type: string): void;
    initializeAltDeviceLinking(): Promise<unknown>;
    startAltLinkingFlow(phone: string, showNotification: boolean): Promise<string>;
  };
  WAWebSyncGatingUtils: { isPlaceholderMessageResendEnabled: () => boolean };
  WAWebNonMessageDataRequestPlaceholderMessageResendUtils: {
    handlePlaceholderMsgsSeen(messages: WaMsg[], seen: boolean): unknown;
  };
}

/** The library's helpers in the page (`util/Injected/Utils.js`). */
export interface WaUtils {
  getChat(chatId: string, options: { getAsModel: false }): Promise<WaChat | null | undefined>;
  sendMessage(chat: WaChat, content: string, options: object): Promise<unknown>;
  processMediaData: (media: { wagateSend?: string }, options: object) => Promise<object>;
  mediaInfoToFile: (media: {
    mimetype: string;
    filename?: string;
    data: string;
    wagateTransfer?: string;
  }) => File;
}

export interface WaWindow {
  require(name: string): unknown;
  Debug?: { VERSION?: string };
  WWebJS?: WaUtils;
  onAppStateHasSyncedEvent?: () => unknown;
  wagateSignal?: () => unknown;
}

export const page = window as unknown as WaWindow;

/** @throws the page's error when there is no such module */
export function wa<N extends keyof WaModules>(name: N): WaModules[N] {
  return page.require(name) as WaModules[N];
}

/** The library's helpers. @throws Error before they are loaded */
export function utils(): WaUtils {
  if (!page.WWebJS) throw new Error('the page is not ready');
  return page.WWebJS;
}
