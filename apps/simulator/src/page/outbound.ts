import type { WireMedia, WireMessage } from '../wire.js';
import type { Chat } from './chat.js';
import { pageError } from './errors.js';
import { type PageFaults } from './page-faults.js';
import { Msg } from './msg.js';
import type { Attributes } from './model.js';
import type { StoredMessage } from './page-db.js';
import { type PageStore, storedKey } from './page-store.js';
import { idOf } from './collection.js';

const MEDIA_FIELDS = [
  'directPath',
  'mediaKey',
  'mediaKeyTimestamp',
  'filehash',
  'encFilehash',
  'size',
  'mimetype',
];
/** Fields of kinds the network passes on without looking into them. */
const EXTRA_FIELDS =
  'lat lng loc clientUrl vcardFormattedName vcardList pollName pollOptions pollSelectableOptionsCount isGif isViewOnce duration title description matchedText eventName eventStartTime'.split(
    ' ',
  );

export type SendResult = { messageSendResult: 'OK' | 'ERROR_UNKNOWN'; t: number };

/** `WAWebSendMsgChatAction`: stores a message, shows it, hands it over. */
export class Outbound {
  private readonly sent = new Map<string, (result: SendResult) => void>();
  private asked = new Set<string>();

  constructor(
    private readonly store: PageStore,
    private readonly handOver: (message: WireMessage) => boolean,
    private readonly faults: PageFaults,
  ) {
    store.msgs.on('change:ack', (msg, ack) => this.acknowledged(msg as Msg, ack as number));
  }

  /**
   * The first promise resolves with the message once it is handed over (or, without a connection, stored to be
   * handed over at the next one); the second when the network has taken it.
   */
  addAndSend(chat: Chat, attributes: Attributes): [Promise<Msg>, Promise<SendResult>] {
    const { from: _from, to: _to, ...rest } = attributes;
    const msg = new Msg({ ...attributes, rowId: this.store.nextRowId() });
    const stored = this.toStored(chat, msg, rest);
    const result = new Promise<SendResult>((resolve) => this.sent.set(msg.id.id, resolve));
    return [this.send(chat, msg, stored), result];
  }

  /** Ids of messages the network may not have; it is asked about them. */
  unsent(): string[] {
    this.asked = new Set(this.unsentMessages().map((message) => message.id));
    return [...this.asked];
  }

  /** Of those it was asked about, hands over what the network says it does not have and has not got meanwhile. */
  resume(known: string[]): void {
    for (const message of this.unsentMessages()) {
      if (this.asked.has(message.id) && !known.includes(message.id)) this.give(message);
    }
  }

  private unsentMessages(): WireMessage[] {
    const me = this.store.people.me.phone;
    return [...this.store.stored.values()]
      .filter(({ message, ack }) => message.from === me && ack === 0)
      .map(({ message }) => message);
  }

  /** Under which of the person's ids the chat stands here is nothing to those who receive it. */
  private give({ address: _address, ...message }: WireMessage): boolean {
    return this.handOver(message);
  }

  private async send(chat: Chat, msg: Msg, stored: StoredMessage): Promise<Msg> {
    await this.faults.beforeHandOver(stored.message);
    this.store.remember(stored);
    const shown = this.store.addToChat(msg);
    await this.store.save({ messages: [stored], chats: [this.store.chatRecord(stored.chat)] });
    if (this.give(stored.message)) this.asked.delete(stored.message.id);
    await this.faults.afterHandOver(stored.message);
    if (this.faults.take('sendReturnsUndefined') !== undefined) this.store.msgs.hideOnce(shown.id);
    chat.trigger('change', chat);
    return shown;
  }

  private acknowledged(msg: Msg, ack: number): void {
    if (!msg.id.fromMe || ack === 0) return;
    const resolve = this.sent.get(msg.id.id);
    this.sent.delete(msg.id.id);
    resolve?.({ messageSendResult: ack < 0 ? 'ERROR_UNKNOWN' : 'OK', t: msg.t });
  }

  private toStored(chat: Chat, msg: Msg, attributes: Attributes): StoredMessage {
    const { people } = this.store;
    const to = people.chatOf(chat.id);
    const message: WireMessage = {
      id: msg.id.id,
      from: people.me.phone,
      to,
      timestamp: msg.t,
      type: msg.type,
      ...(chat.id.equals(people.addressOfChat(to)) ? {} : { address: chat.id.isLid() ? 'lid' : 'phone' }),
      ...(typeof msg.body === 'string' && msg.directPath === undefined ? { body: msg.body } : {}),
      ...(typeof msg.caption === 'string' ? { caption: msg.caption } : {}),
      ...mediaOf(msg),
      ...this.quotedOf(msg),
      ...extraOf(attributes),
    };
    return { key: storedKey(message), rowId: msg.rowId, chat: to, message, ack: 0 };
  }

  private quotedOf(msg: Msg): Pick<WireMessage, 'quoted'> {
    const { quotedMsg, quotedStanzaID, quotedParticipant } = msg;
    if (quotedMsg === undefined || quotedStanzaID === undefined) return {};
    const from = quotedParticipant === undefined ? '' : this.store.people.chatOf(quotedParticipant);
    const { type, body, caption } = quotedMsg as { type?: string; body?: string; caption?: string };
    const content = { ...(body !== undefined && { body }), ...(caption !== undefined && { caption }) };
    return { quoted: { id: quotedStanzaID, from, type: type ?? 'chat', ...content } };
  }
}

function mediaOf(msg: Msg): Pick<WireMessage, 'media'> {
  if (msg.directPath === undefined) return {};
  const fields = msg as unknown as Attributes;
  const media = Object.fromEntries(
    MEDIA_FIELDS.map((field) => [field, fields[field]]),
  ) as unknown as WireMedia;
  if (typeof media.filehash !== 'string') throw pageError('media-fault: the message has no filehash');
  const filename = fields.filename;
  return { media: { ...media, ...(typeof filename === 'string' ? { filename } : {}) } };
}

function extraOf(attributes: Attributes): Pick<WireMessage, 'extra'> {
  const extra = Object.fromEntries(
    EXTRA_FIELDS.filter((field) => attributes[field] !== undefined).map((field) => [
      field,
      attributes[field],
    ]),
  );
  const mentioned = attributes.mentionedJidList;
  if (Array.isArray(mentioned) && mentioned.length > 0)
    extra.mentionedJidList = mentioned.map((id) => idOf(id));
  return Object.keys(extra).length > 0 ? { extra } : {};
}
