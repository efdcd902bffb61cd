import type {
  NodeFact,
  NodeRequest,
  NodeResponse,
  OwnIdentity,
  SendOutcome,
  SessionMode,
  WaChat,
  WaPerson,
} from '#contracts';

/** How the page stands with WhatsApp, in words that hold for any driver. */
export type LinkState =
  | 'loading'
  | 'needs_login'
  | 'syncing'
  | 'online'
  | 'offline'
  | 'conflict'
  | 'unlinked'
  | 'banned'
  | 'proxy_blocked'
  | 'outdated_client';

export interface ShimReport {
  name: string;
  state: 'active' | 'not_needed';
}

export interface ProbeReport {
  link: LinkState;
  /** True when everything that `connected` promises was seen: online, synced, exactly one listener set of ours. */
  proven: boolean;
  /** Names of modules and members the driver relies on and that are missing. */
  brokenContracts: string[];
  shims: ShimReport[];
  waVersion: string | null;
  me: OwnIdentity | null;
}

/** Why a driver's browser is of no more use. */
export type GoneCause = 'page_crashed' | 'browser_gone' | 'fault';

/** What a driver tells its owner. Calls never throw and may come from any callback of the browser. */
export interface DriverListener {
  /** A QR to scan. A secret: not for logs. */
  onQr(qr: string): void;
  /** The link to WhatsApp may have changed: probe now. A hint; it may be missing or repeated. */
  onLinkHint(): void;
  /** The login may be gone: nothing more may be sent until a probe finds it there. A hint, as `onLinkHint`. */
  onLoginDoubt(): void;
  /** There is something to collect. A hint; it may be missing or repeated. */
  onActivity(): void;
  /** The page was loaded anew, and may have taken messages in before it could signal them. */
  onReloaded(): void;
  /** For sure: the login is gone and the page has cleared what it had of it. A doubt is the probes' to tell. */
  onUnlinked(): void;
  /** The page or browser died; told at most once per driver. `error` may be anything, also a string. */
  onGone(cause: GoneCause, error?: unknown): void;
}

/** What became of a message after it was written. */
export type ChangeFact = Extract<NodeFact, { kind: 'message.edit' | 'message.revoke' | 'message.reactions' }>;

/** What is told in passing: a call, a change of a group, a vote. */
export type NoticeFact = Extract<NodeFact, { kind: 'call' | 'group.change' | 'poll.vote' }>;

/** What the inbox yields: a message as it stands in the page, something about one, or a notice. */
export type InboxFact =
  Extract<NodeFact, { kind: 'message.upsert' | 'message.ack' }> | ChangeFact | NoticeFact;

export function isNotice(fact: NodeFact): fact is NoticeFact {
  return fact.kind === 'call' || fact.kind === 'group.change' || fact.kind === 'poll.vote';
}

/** An event that makes no fact: kept aside, never dropped. */
export interface Unreported {
  reason: 'no_key' | 'unreadable';
  /** Raw JSON; the same event gives the same text. */
  event: string;
}

/** Unix seconds of a message in a chat; 0 when its time is unknown. */
export interface MessagePlace {
  chatId: string;
  seconds: number;
}

/** What one chat holds from a time on. `complete`: nothing between that time and now is missing. */
export interface SweptChat {
  chatId: string;
  /** Oldest message first; behind each what is known of its edit, revoke and reactions. */
  facts: InboxFact[];
  unreported: Unreported[];
  /** Unix seconds of the oldest of the unreported, 0 when its time is unknown; null when there are none. */
  oldestUnreportedSeconds: number | null;
  complete: boolean;
  /** Everything before this second was read, and there is more from it on; null otherwise. */
  resumeSeconds: number | null;
  /** The page's store ends at this second, later than was asked for; null when it goes back far enough. */
  endsSeconds: number | null;
  /** Why this chat could not be read, free of message text; null when it was. It is never complete then. */
  failure: string | null;
}

export interface SweepWish {
  chatId: string;
  /** Unix seconds; messages of this second are included. */
  sinceSeconds: number;
  /** Unix seconds; the chat is loaded back to here, for changes of older messages. */
  loadSeconds: number;
  /** Also what this driver has told before. */
  again: boolean;
}

/** A piece of what was asked for; `next` is where the next one begins, null after the last. */
export interface InboxPiece {
  facts: InboxFact[];
  unreported: Unreported[];
  next: number | null;
}

export interface ChangedPiece extends InboxPiece {
  /** False when the page could not tell all of it: it has to be read again. */
  isWhole: boolean;
}

/** Newest message time of a chat; `aliases` are the other ids it is known by. */
export interface ChatHead {
  chatId: string;
  aliases: string[];
  newestSeconds: number;
}

export interface Drained {
  facts: InboxFact[];
  unreported: Unreported[];
  /** Where the messages among the unreported stand, as far as that is known. */
  unreportedAt: MessagePlace[];
  /** More waits in the page. */
  more: boolean;
}

export interface DriverOptions {
  sessionId: string;
  mode: SessionMode;
  /** A folder of this session alone; the browser profile goes below it. */
  directory: string;
}

export type SendOrder = Pick<
  NodeRequest<'message.send'>,
  'waMessageId' | 'chatId' | 'content' | 'media' | 'quotedWaKey' | 'linkPreview' | 'typingMs' | 'expiresInMs'
>;
export type DownloadOrder = Pick<NodeRequest<'media.download'>, 'waKey' | 'objectKey' | 'maxBytes'>;

/**
 * PORT: runs one WhatsApp login in one browser, once. A driver is made for one start, used, closed and thrown
 * away; it is never started twice. It keeps no policy: when to start, probe, restart or give up is its owner's
 * business. Every method has its own deadline and settles; after `onGone` each fails at once. A driver never
 * touches the profile of another session and never deletes its own (its owner does, when no process is left).
 */
export abstract class Driver {
  /** Launches the browser and loads the page. Resolves when the page can be probed; it need not be logged in. */
  abstract start(): Promise<void>;

  /** Looks at the page as it is now. Rejects when the page does not answer. */
  abstract probe(): Promise<ProbeReport>;

  /** Asks WhatsApp for a pairing code for this phone. Once per call; the owner limits how often. */
  abstract requestPairingCode(phone: string): Promise<string>;

  /** Hands one message over with the id that was chosen for it. Sends of a session run one after the other. */
  abstract send(order: SendOrder): Promise<SendOutcome>;

  /**
   * While held, nothing more is handed over: a send that has not got so far, also one that waits in the driver, is
   * `not_sent` with `session_not_connected`.
   */
  abstract holdSends(isHeld: boolean): void;

  /** Finds messages that were sent with a known id, under every form of the chat's id. */
  abstract lookup(
    messages: NodeRequest<'message.lookup'>['messages'],
  ): Promise<NodeResponse<'message.lookup'>['found']>;

  /** Downloads a message's media, checks WhatsApp's hash and stores it. */
  abstract downloadMedia(order: DownloadOrder): Promise<NodeResponse<'media.download'>>;

  /** Which numbers are on WhatsApp. */
  abstract checkNumbers(phones: string[]): Promise<NodeResponse<'number.check'>['results']>;

  /** What the page has to tell: new messages and acks, and its whole store on request. */
  abstract readonly inbox: DriverInbox;

  /** Logs out at WhatsApp. Afterwards the profile is worthless. */
  abstract unlink(): Promise<void>;

  /** Closes the browser the polite way within `graceMs`; resolves also when that failed. Processes may be left. */
  abstract close(graceMs: number): Promise<void>;

  /** Optional: frees what can be freed in the page, about a minute after it became ready. */
  collectGarbage?(): Promise<void>;
}

/** What comes in at one login. The page's own store is the truth; the queue of `drain` is a fast hint. */
export interface DriverInbox {
  /** Takes up to `limit` queued events out of the page. */
  drain(limit: number): Promise<Drained>;
  /** Newest message time of every chat that has any. */
  chatHeads(): Promise<ChatHead[]>;
  /** Messages that the page's store holds of some chats from a time on; a bounded number in one call. */
  sweep(wishes: SweepWish[]): Promise<SweptChat[]>;
  /** Edits, revokes and reactions since a time, of messages from `baselineSeconds` on that the page holds. */
  changesSince(sinceSeconds: number, baselineSeconds: number, from: number): Promise<ChangedPiece>;
  /** How single messages stand now, from the one at `from` on, where the page still has them. */
  standOf(waKeys: string[], from: number): Promise<InboxPiece>;
  /** Acks of own messages, where the page still has the message. */
  acksOf(waKeys: string[]): Promise<InboxFact[]>;
  /** Chats and people as the page knows them. */
  directory(): Promise<{ chats: WaChat[]; contacts: WaPerson[] }>;
}

/** Makes the driver of one start. */
export type DriverFactory = (options: DriverOptions, listener: DriverListener) => Driver;
