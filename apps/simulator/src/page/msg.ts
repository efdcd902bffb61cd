import type { WireMessage } from '../wire.js';
import { Collection, idOf } from './collection.js';
import { dataError, pageError } from './errors.js';
import { MediaData } from './media-models.js';
import { type Attributes, Model } from './model.js';
import { MsgKey } from './msg-key.js';
import type { StoredMessage } from './page-db.js';
import type { People } from './people.js';
import type { Wid } from './wid.js';

/** One message as page code sees it. */
export class Msg extends Model {
  declare id: MsgKey;
  declare type: string;
  declare body: string | undefined;
  declare caption: string | undefined;
  declare ack: number;
  declare t: number;
  declare from: Wid;
  declare to: Wid;
  declare author: Wid | undefined;
  declare isNewMsg: boolean | undefined;
  declare rowId: number;
  declare mediaData: MediaData | undefined;
  declare quotedMsg: Attributes | undefined;
  declare quotedStanzaID: string | undefined;
  declare quotedParticipant: Wid | undefined;
  declare directPath: string | undefined;
  declare mimetype: string | undefined;
  declare filehash: string | undefined;

  constructor(attributes: Attributes) {
    super(attributes);
    if (idOf(this.id) === undefined) throw new Error('Data passed to getter must include an id property');
  }

  get isNotification(): boolean {
    return this.type === 'gp2' || this.type === 'notification_template' || this.type === 'e2e_notification';
  }

  get mediaObject(): MediaData | undefined {
    return this.mediaData;
  }

  canReply(): boolean {
    return this.type !== 'revoked';
  }

  /** What a reply carries of this message. */
  msgContextInfo(): Attributes {
    return {
      quotedMsg: { type: this.type, body: this.body, caption: this.caption },
      quotedStanzaID: this.id.id,
      quotedParticipant: this.author ?? this.from,
    };
  }

  avParams(): Attributes {
    return { mimetype: this.mimetype };
  }

  updateAck(ack: number): void {
    this.set({ ack });
  }

  async downloadMedia(): Promise<void> {
    await this.mediaData?.resolve(this);
  }
}

/** `WAWebCollections.Msg` */
export class MsgCollection extends Collection<Msg> {
  #hidden: string | undefined;

  constructor() {
    super(Msg);
  }

  override get(id: unknown): Msg | undefined {
    if (this.#hidden === undefined || idOf(id) !== this.#hidden) return super.get(id);
    this.#hidden = undefined;
    return undefined;
  }

  /** The next `get` of this message does not find it. */
  hideOnce(id: MsgKey): void {
    this.#hidden = id.toString();
  }

  override find(id: unknown): Promise<Msg | undefined> {
    return this.getMessagesById([id]).then(({ messages }) => messages[0]);
  }

  /** @throws the storage's error for what is no key, as the real one does */
  getMessagesById(ids: unknown[]): Promise<{ messages: Msg[] }> {
    if (ids.some((id) => idOf(id) === undefined)) return Promise.reject(dataError());
    const messages = ids.flatMap((id) => this.get(id) ?? []);
    return Promise.resolve({ messages });
  }

  search(query: string, page = 1, count = 50, remote?: string): Promise<{ messages: Msg[] }> {
    const found = this.filter(
      (msg) =>
        (msg.body ?? msg.caption ?? '').toLowerCase().includes(query.toLowerCase()) &&
        (remote === undefined || msg.id.remote._serialized === remote),
    );
    return Promise.resolve({ messages: found.reverse().slice((page - 1) * count, page * count) });
  }
}

/** Key of a stored message as this login sees it. */
export function keyFor(stored: Pick<StoredMessage, 'message' | 'chat'>, people: People): MsgKey {
  const { message, chat } = stored;
  const sender = people.byPhone(message.from);
  const isGroup = chat.endsWith('@g.us');
  return new MsgKey({
    fromMe: message.from === people.me.phone,
    remote: people.addressOfMessage(message, chat),
    id: message.id,
    ...(isGroup && sender !== undefined ? { participant: people.addressOf(sender) } : {}),
  });
}

/** The model's attributes for a stored message. */
export function attributesOf(stored: StoredMessage, people: People, isNewMsg: boolean): Attributes {
  const { message, chat } = stored;
  const id = keyFor(stored, people);
  const sender = people.byPhone(message.from);
  if (sender === undefined) throw pageError('a message came from somebody unknown');
  const me = people.addressOf(people.me);
  const isGroup = chat.endsWith('@g.us');
  const content = stored.ciphertext === true ? { type: 'ciphertext' } : contentOf(message, people);
  return {
    id,
    rowId: stored.rowId,
    t: message.timestamp,
    from: id.fromMe ? me : id.remote,
    to: id.fromMe || isGroup ? id.remote : me,
    ...(isGroup ? { author: people.addressOf(sender) } : {}),
    self: id.fromMe ? 'out' : 'in',
    ack: stored.ack,
    isNewMsg,
    invis: false,
    star: false,
    notifyName: sender.name,
    ...content,
    ...(stored.revoked === undefined ? {} : revokedContent(stored.revoked, people)),
    ...(stored.editedAt === undefined ? {} : { latestEditSenderTimestampMs: stored.editedAt }),
    ...(hasReaction(stored) ? { hasReaction: true } : {}),
  };
}

/** What is left of a message that was deleted for everyone. */
export function revokedContent(
  { by, timestamp }: { by: string; timestamp: number },
  people: People,
): Attributes {
  const sender = people.byPhone(by);
  return {
    type: 'revoked',
    body: undefined,
    caption: undefined,
    revokeTimestamp: timestamp,
    ...(sender === undefined ? {} : { revokeSender: people.addressOf(sender) }),
  };
}

export function hasReaction({ reactions = {} }: StoredMessage): boolean {
  return Object.values(reactions).some(({ emoji }) => emoji !== '');
}

/** What the sender wrote, as attributes. */
export function contentOf(message: WireMessage, people: People): Attributes {
  const { type, extra } = message;
  return {
    type,
    ...extra,
    ...recipientsOf(message, people),
    ...bodyOf(message),
    ...quotedOf(message, people),
  };
}

/** Whom a mark in a group's chat concerns. */
function recipientsOf({ type, extra }: WireMessage, people: People): Attributes {
  if (type !== 'gp2') return {};
  const phones = (extra?.recipients ?? []) as string[];
  return { recipients: phones.map((phone) => people.addressOfChat(phone)) };
}

function bodyOf(message: WireMessage): Attributes {
  if (message.media === undefined) return { body: message.body };
  const { media, type, caption } = message;
  return {
    ...media,
    deprecatedMms3Url: `https://mmg.whatsapp.net${media.directPath}`,
    ...(caption === undefined ? {} : { caption }),
    mediaData: new MediaData({ type, mimetype: media.mimetype, size: media.size, mediaStage: 'INIT' }),
  };
}

function quotedOf({ quoted }: WireMessage, people: People): Attributes {
  if (quoted === undefined) return {};
  const { type, body, caption, id, from } = quoted;
  const author = people.byPhone(from);
  return {
    quotedMsg: { type, ...(body !== undefined && { body }), ...(caption !== undefined && { caption }) },
    quotedStanzaID: id,
    ...(author === undefined ? {} : { quotedParticipant: people.addressOf(author) }),
  };
}
