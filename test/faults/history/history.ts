/** Everything that is known of a run afterwards, from four witnesses that do not know of each other. Times in ms. */
export interface History {
  /** What the run promised itself, and what was set for it. */
  settings: HistorySettings;
  sessions: SessionRecord[];
  /** What clients asked and were answered. */
  client: ClientRequest[];
  /** What the database holds in the end. */
  messages: MessageRecord[];
  attempts: AttemptRecord[];
  media: MediaRecord[];
  /** Undefined: this version keeps no event log. */
  events: EventRecord[] | undefined;
  /** Events as clients read them; undefined: they did not. */
  readEvents: { tenantId: string; id: string; seq: number; type: string }[] | undefined;
  /** What the simulated WhatsApp was handed by the logins, and what its phones sent to them. */
  handOvers: HandOver[];
  pushed: PushedMessage[];
  /** Hashes of files as they were downloaded through the API at the end. */
  objects: { mediaId: string; sha256: string }[];
  optOuts: { tenantId: string; phone: string; atMs: number }[];
}

export interface HistorySettings {
  seed: number;
  startedAt: string;
  endedAt: string;
  /** How long a message of unknown fate holds back those behind it in its chat. */
  unknownBlockMs: number;
  /** Longest way from the look at a message's expiry to its hand-over. */
  handOverSlackMs: number;
}

export interface SessionRecord {
  tenantId: string;
  id: string;
  phone: string;
}

/** One request of a client. `status` is null when the connection ended without an answer. */
export interface ClientRequest {
  number: number;
  tenantId: string;
  keyId: string;
  kind: 'send' | 'cancel' | 'get' | 'list' | 'probe' | 'revokeKey' | 'other';
  startedAtMs: number;
  endedAtMs: number;
  status: number | null;
  /** What a failure says of itself: whether anything may have been accepted. */
  outcome?: 'not_sent' | 'unknown';
  /** What a send asked for. */
  sent?: SentRequest;
  /** The message that is asked for by its id. */
  target?: string;
  /** Messages as the answer shows them. */
  seen: SeenMessage[];
  /** Every id in the answer. */
  ids: string[];
}

export interface SentRequest {
  sessionId: string;
  /** Unique to the wish that the request carries: a repeated request has the same. */
  ref: string;
  to: string;
  /** What is said, a caption for media. */
  text: string;
  sha256: string | null;
  priority: number;
  expiresAtMs: number | null;
  idempotencyKey: string | null;
}

export interface SeenMessage {
  id: string;
  status: string;
  ack: number | null;
}

export interface MessageRecord {
  tenantId: string;
  id: string;
  sessionId: string;
  direction: 'in' | 'out';
  origin: 'api' | 'phone' | 'contact';
  chatId: string;
  type: string;
  /** Text or caption. */
  text: string | null;
  mediaId: string | null;
  status: string;
  ack: number | null;
  errorCode: string | null;
  waMessageId: string | null;
  clientRef: string | null;
  priority: number;
  expiresAtMs: number | null;
  createdAtMs: number;
  occurredAtMs: number;
}

export interface AttemptRecord {
  tenantId: string;
  messageId: string;
  number: number;
  waMessageId: string;
  outcome: 'handed' | 'not_sent' | 'unknown' | null;
  reason: string | null;
  startedAtMs: number;
}

export interface MediaRecord {
  tenantId: string;
  id: string;
  source: 'upload' | 'url' | 'inbound';
  state: 'pending' | 'stored' | 'expired' | 'failed';
  sha256: string | null;
  error: string | null;
}

export interface EventRecord {
  tenantId: string;
  id: string;
  /** null: not numbered. */
  seq: number | null;
  type: string;
  sessionId: string | null;
  messageId: string | null;
  /** Of the message, as the event tells it. */
  status: string | null;
}

export interface HandOver {
  waMessageId: string;
  from: string;
  to: string;
  text: string | null;
  sha256: string | null;
  handOvers: number;
  ack: number;
  /** Whole seconds, as WhatsApp counts. */
  atMs: number;
  order: number;
}

export interface PushedMessage {
  waMessageId: string;
  from: string;
  /** A phone. */
  to: string;
  /** As it stands after all edits. */
  text: string | null;
  sha256: string | null;
  order: number;
  /** It was deleted for everyone, or came as one that cannot be decrypted: what it says is not compared. */
  isOpaque: boolean;
  /** Its bytes cannot be had as they are: the run let downloads fail or change. */
  isDamaged: boolean;
}
