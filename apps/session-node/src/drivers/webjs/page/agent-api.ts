/**
 * What the page script offers to the driver, and in which shapes: everything here crosses the debugging protocol as
 * JSON. The script itself is bundled from this folder and runs inside WhatsApp Web.
 */

export interface RawIds {
  /** Phone form (`…@c.us`) when the phone is known, else as the page has it. */
  id: string;
  phone: string | null;
  lid: string | null;
}

export interface RawPerson extends RawIds {
  name: string | null;
}

export interface RawMedia {
  mimeType: string;
  filename: string | null;
  size: number | null;
  /** base64 SHA-256 of the plain bytes. */
  filehash: string | null;
}

/** A message model's parts that we use. Ids are canonical. */
export interface RawMessage {
  fromMe: boolean;
  remote: string;
  id: string;
  participant: string | null;
  chat: RawPerson;
  author: RawPerson;
  /** Unix seconds. */
  t: number;
  /** WhatsApp Web's name of the kind. */
  type: string;
  body: string | null;
  caption: string | null;
  media: RawMedia | null;
  location: { latitude: number; longitude: number; name: string | null } | null;
  vcards: string[];
  poll: { question: string; choices: string[] } | null;
  quotedId: string | null;
  ack: number | null;
}

export interface RawAck {
  fromMe: boolean;
  remote: string;
  id: string;
  participant: string | null;
  ack: number;
}

/** The message that a change is about. */
export interface RawTarget extends RawKey {
  chat: RawPerson;
}

export interface RawReaction {
  sender: RawPerson;
  fromMe: boolean;
  /** Empty: taken back. */
  emoji: string;
  /** Milliseconds since 1970. */
  atMs: number;
}

export interface RawCall {
  id: string;
  /** The caller's chat, or the group's. */
  chat: RawPerson;
  from: RawPerson | null;
  isVideo: boolean;
  /** Unix seconds; null when the page does not tell. */
  t: number | null;
}

export interface RawGroupChange {
  id: string;
  chat: RawPerson;
  /** WhatsApp Web's name of the change. */
  change: string;
  by: RawPerson | null;
  people: RawPerson[];
  value: string | null;
  /** Unix seconds. */
  t: number;
}

export interface RawVote {
  target: RawTarget;
  voter: RawPerson;
  fromMe: boolean;
  /** Null when the page does not have the poll, or does not name all of them. */
  choices: string[] | null;
  /** Milliseconds since 1970. */
  atMs: number;
}

export type RawItem =
  | { kind: 'message'; message: RawMessage }
  | { kind: 'ack'; ack: RawAck }
  /** `message` as it stands after the edit. */
  | { kind: 'edit'; message: RawMessage; editedMs: number }
  /** `t` in unix seconds; null when the page does not tell. */
  | { kind: 'revoke'; target: RawTarget; by: RawPerson | null; t: number | null }
  /** `whole`: these are all that stand on the message. */
  | { kind: 'reactions'; target: RawTarget; reactions: RawReaction[]; whole: boolean }
  | { kind: 'call'; call: RawCall }
  | { kind: 'group'; change: RawGroupChange }
  | { kind: 'vote'; vote: RawVote };

export interface RawDrained {
  items: RawItem[];
  keyless: string[];
  more: boolean;
}

export interface RawWish {
  chatId: string;
  /** Unix seconds; messages of this second are included. */
  sinceSeconds: number;
  /** Unix seconds; the page loads the chat back to here, so that changes of older messages are seen. */
  loadSeconds: number;
  /** Also what was told before in this document. */
  again: boolean;
}

export interface RawSwept {
  chatId: string;
  items: RawItem[];
  keyless: string[];
  /** Unix seconds of the oldest keyless message, 0 when its time is unknown; null without keyless messages. */
  oldestKeylessSeconds: number | null;
  complete: boolean;
  /** There is more from this second on; null when everything was read, or nothing could be. */
  resumeSeconds: number | null;
  /** The store ends here: time of the oldest message it holds. Null while it reaches further back than asked. */
  endsSeconds: number | null;
  /** What went wrong with this chat; null when nothing did. */
  failure: string | null;
}

export interface RawPiece {
  items: RawItem[];
  /** Where the next piece begins; null after the last. */
  next: number | null;
}

/** Changes of messages the page holds, read piece by piece. */
export interface RawChanged extends RawPiece {
  /** False when one of the messages could not be read in full. */
  isWhole: boolean;
}

export interface RawHead {
  chatId: string;
  aliases: string[];
  newestSeconds: number;
}

export interface RawProbe {
  socketState: string | null;
  hasSynced: boolean;
  streamMode: string | null;
  listenerSets: number;
  /** The library's helper functions are in the page. */
  hasUtils: boolean;
  waVersion: string | null;
  broken: string[];
  shims: { name: string; state: 'active' | 'not_needed' }[];
  me: { phone: string; waId: string; lid: string | null; name: string | null } | null;
}

export interface RawSendOrder {
  waMessageId: string;
  chatId: string;
  text: string;
  quotedWaKey: string | null;
  linkPreview: boolean;
  /** It takes its id only while this is not over; null: whenever it can. */
  timeLeftMs: number | null;
  media: {
    transferId: string;
    mimeType: string;
    filename: string;
    caption: string | null;
    kind: 'image' | 'video' | 'audio' | 'voice' | 'document' | 'sticker';
  } | null;
}

/** How far a send came in the page. */
export const SEND_PHASES = ['resolving', 'resolved-chat', 'id-taken', 'handed'] as const;
export type SendPhase = (typeof SEND_PHASES)[number];

export type RawSendResult =
  | { outcome: 'handed'; key: RawKey; chatId: string; ack: number; t: number }
  | {
      outcome: 'not_sent';
      code:
        | 'not_on_whatsapp'
        | 'quoted_not_found'
        | 'media_unavailable'
        | 'rejected'
        | 'busy'
        | 'page_gone'
        | 'expired';
      retry: boolean;
      reason: string;
    }
  | { outcome: 'unknown'; reason: string };

export interface RawKey {
  fromMe: boolean;
  remote: string;
  id: string;
  participant: string | null;
}

export type RawDownload =
  | {
      outcome: 'ready';
      size: number;
      sha256: string;
      filehash: string | null;
      mimeType: string;
      filename: string | null;
    }
  | { outcome: 'gone'; reason: string }
  | { outcome: 'failed'; retry: boolean; reason: 'too_large' | 'download_failed' };

export interface PageAgentApi {
  /** Puts the shims on that the page's modules need; once per document, before the library starts. */
  prepare(): void;
  /** Tells the library of a sync that was over before it listened; true when that was needed. */
  announceSync(): boolean;
  /** Hooks into the collections and the library's helpers; later calls change nothing. */
  attach(): void;
  probe(): RawProbe;
  refreshQr(): void;
  requestPairingCode(phone: string): Promise<string>;
  /** Shows "typing" in a chat; false when the page could not. */
  showTyping(chatId: string): Promise<boolean>;
  send(order: RawSendOrder): Promise<RawSendResult>;
  /** Gives a send up that has not taken its id, and tells what is known of it. */
  cancelSend(waMessageId: string, chatId: string): Promise<RawSendResult>;
  lookup(wanted: { waMessageId: string; chatId: string }[]): Promise<(RawAck & { t: number })[]>;
  checkNumbers(
    phones: string[],
  ): Promise<{ phone: string; exists: boolean; waId: string | null; lid: string | null }[]>;
  drain(limit: number): RawDrained;
  chatHeads(): RawHead[];
  sweep(wishes: RawWish[], budgetMs: number): Promise<RawSwept[]>;
  /** What changed since then on messages from `baselineSeconds` on, beginning at `from`. */
  changesSince(sinceSeconds: number, baselineSeconds: number, from: number): Promise<RawChanged>;
  /** How single messages stand now, beginning at `from`: content when it can be read, edit, revoke, reactions. */
  standOf(waKeys: string[], from: number): Promise<RawPiece>;
  acksOf(waKeys: string[]): Promise<RawAck[]>;
  directory(limit: number): { chats: (RawPerson & { kind: string })[]; contacts: RawPerson[] };
  addChunk(transferId: string, base64: string): void;
  dropTransfer(transferId: string): void;
  /** Bytes of a message's media as WhatsApp tells them; null when it does not. */
  mediaSize(waKey: string): Promise<number | null>;
  download(transferId: string, waKey: string, maxBytes: number): Promise<RawDownload>;
  readChunk(transferId: string, offset: number, length: number): Promise<string>;
  logout(): Promise<void>;
}
