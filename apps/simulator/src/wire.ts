/** What the network and the page say to each other over the page's WebSocket. Phones are bare digits. */

export interface WirePerson {
  phone: string;
  lid: string;
  name: string;
  /** The phone number is not shown to others; the person is only known by LID. */
  lidOnly: boolean;
}

export interface WireGroup {
  id: string;
  subject: string;
  description?: string;
  /** Phone of the creator. */
  owner: string;
  admins: string[];
  members: WirePerson[];
  /** Seconds since 1970. */
  createdAt: number;
}

export interface WireMedia {
  directPath: string;
  mediaKey: string;
  mediaKeyTimestamp: number;
  /** base64 SHA-256 of the plain bytes. */
  filehash: string;
  encFilehash: string;
  size: number;
  mimetype: string;
  filename?: string;
}

export interface WireQuote {
  id: string;
  from: string;
  type: string;
  body?: string;
  caption?: string;
}

export interface WireMessage {
  id: string;
  /** Phone of the sender. */
  from: string;
  /** Phone, or group id. */
  to: string;
  /** Seconds since 1970. */
  timestamp: number;
  /** As WhatsApp Web names it: `chat`, `image`, `video`, `audio`, `ptt`, `document`, … */
  type: string;
  body?: string;
  caption?: string;
  media?: WireMedia;
  quoted?: WireQuote;
  /** Under which of the partner's ids it shows in a one-to-one chat; the build's own choice when left out. */
  address?: 'lid' | 'phone';
  /** Its recipients cannot decrypt it at first, and can this many ms after they got it. */
  decryptedAfterMs?: number;
  /** Fields of kinds that need no special treatment (location, vcard, poll). */
  extra?: Record<string, unknown>;
}

/** Which message an ack, edit, revoke or reaction is about. */
export interface WireKey {
  id: string;
  from: string;
  to: string;
}

/** Queued per login until the page confirms it; `message` items carry what is needed to show them. */
export type WireItem =
  | { kind: 'message'; message: WireMessage; people: WirePerson[]; group?: WireGroup; ack: number }
  | { kind: 'ack'; key: WireKey; ack: number; code?: number }
  /** `timestamp` in ms since 1970. */
  | { kind: 'edit'; key: WireKey; body: string; timestamp: number }
  | { kind: 'revoke'; key: WireKey; by: WirePerson; timestamp: number }
  /** `timestamp` in ms since 1970. */
  | { kind: 'reaction'; key: WireKey; id: string; by: WirePerson; emoji: string; timestamp: number }
  /** `choices` are the places of what was chosen; `timestamp` in ms since 1970. */
  | { kind: 'vote'; key: WireKey; id: string; by: WirePerson; choices: number[]; timestamp: number }
  /** What is known of somebody changed: their number is shown now, or no longer. */
  | { kind: 'person'; person: WirePerson }
  | { kind: 'group'; group: WireGroup };

/** A call that rings. Told to the pages that are there at that moment, and to no other. */
export interface WireCall {
  id: string;
  from: WirePerson;
  /** Of a call of a group. */
  group?: WireGroup;
  isVideo: boolean;
  /** Seconds since 1970. */
  startedAt: number;
}

export interface QueuedItem {
  seq: number;
  item: WireItem;
}

/** A fault on command; which fields matter depends on `kind`, see docs/simulator.md. */
export interface Fault {
  id: string;
  kind: FaultKind;
  phone?: string;
  times?: number;
  when?: 'now' | 'send' | 'afterHandOver';
  ms?: number;
  status?: number;
  name?: string;
  body?: string;
  bytes?: number;
}

export const FAULT_KINDS = [
  'rendererCrash',
  'hang',
  'sendNeverSettles',
  'sendThrowsBeforeId',
  'sendThrowsAfterId',
  'sendThrowsAfterHandOver',
  'sendReturnsUndefined',
  'noAck',
  'ackDelayMs',
  'uploadFails',
  'uploadSlowMs',
  'downloadFails',
  'wrongHash',
  'syncNever',
  'syncTwice',
  'syncLateMs',
  'navigates',
  'missingModule',
  'poison',
  'iframes',
  'ciphertext',
  'twoKeys',
  'missingKey',
  'declaredSize',
  'qrIdle',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** Written into the served document, so that it is there before any script runs. */
export interface PageBoot {
  profile: 'classic' | '2026-09';
  heapMb: number;
  faults: Fault[];
}

/** What a login shows in a chat before it sends. */
export const CHAT_STATES = ['composing', 'recording', 'paused'] as const;
export type ChatState = (typeof CHAT_STATES)[number];

export type PageFrame =
  | { t: 'hello'; loginId?: string; secret?: string; publicKeys: string[]; unsent: string[] }
  | { t: 'send'; message: WireMessage }
  | { t: 'confirm'; seq: number }
  | { t: 'seen'; chat: string }
  | { t: 'chatState'; chat: string; state: ChatState }
  | { t: 'missing'; name: string }
  | { t: 'request'; rid: number; request: PageRequest };

export type PageRequest =
  | { name: 'exists'; user: string; server: string }
  | { name: 'pairingCode'; phone: string }
  | { name: 'refreshQr' }
  | { name: 'logout' }
  | { name: 'faultUsed'; id: string }
  | { name: 'group'; id: string }
  | { name: 'edit'; key: WireKey; body: string }
  | { name: 'revoke'; key: WireKey }
  | { name: 'react'; key: WireKey; emoji: string };

export type NetworkFrame =
  | { t: 'ref'; ref: string }
  | { t: 'qrIdle' }
  | { t: 'paired'; loginId: string; secret: string; phone: string }
  | {
      t: 'welcome';
      me: WirePerson;
      people: WirePerson[];
      groups: WireGroup[];
      faults: Fault[];
      /** Of the ids the page said are unsent: those the network has. */
      handed: string[];
    }
  | { t: 'items'; items: QueuedItem[] }
  | { t: 'call'; call: WireCall }
  | { t: 'offlineEnd' }
  | { t: 'revoked' }
  | { t: 'reload' }
  /** The page loses all but the newest messages of a chat. */
  | { t: 'forget'; chat: string; keep: number }
  | { t: 'state'; state: string }
  | { t: 'faults'; faults: Fault[] }
  | { t: 'reply'; rid: number; value?: unknown; error?: { message: string; status: number } };
