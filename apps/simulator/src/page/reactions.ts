import { Collection } from './collection.js';
import { type Attributes, Model } from './model.js';
import { keyFor } from './msg.js';
import { MsgKey } from './msg-key.js';
import type { StoredMessage } from './page-db.js';
import type { PageStore } from './page-store.js';

/** `WAWebAddonReactionTableMode.reactionTableMode`; the library hooks `bulkUpsert`. */
export const reactionTableMode = {
  bulkUpsert: (_reactions: Record<string, unknown>[]): Promise<void> => Promise.resolve(),
};

/** All who reacted to a message with one emoji. */
class ReactionGroup extends Model {
  declare id: string;
  declare senders: Attributes[];
}

/** `WAWebCollections.Reactions`: what stands on a message, read from the page's database. */
export class ReactionCollection extends Collection<Model & { id: unknown }> {
  constructor(private readonly store: PageStore) {
    super();
  }

  override find(id: unknown): Promise<(Model & { id: unknown }) | undefined> {
    const msg = this.store.msgs.get(id);
    const stored = msg && this.store.storedOf(msg);
    if (stored === undefined) return Promise.resolve(undefined);
    const groups = new Collection<ReactionGroup>();
    for (const [phone, { emoji }] of Object.entries(stored.reactions ?? {})) {
      if (emoji === '') continue;
      const sender = senderOf(this.store, stored, phone);
      const known = groups.get(emoji);
      if (known === undefined)
        groups.add(new ReactionGroup({ id: emoji, aggregateEmoji: emoji, senders: [sender] }));
      else known.senders.push(sender);
    }
    return Promise.resolve(new Model({ id: msg?.id, reactions: groups }) as Model & { id: unknown });
  }
}

function senderOf(store: PageStore, stored: StoredMessage, phone: string): Attributes {
  const row = reactionRow(store, stored, phone);
  return {
    msgKey: row.id,
    parentMsgKey: row.reactionParentKey,
    senderUserJid: String(row.author),
    reactionText: row.reactionText,
    timestamp: row.reactionTimestamp,
    read: false,
    orphan: 0,
  };
}

/** A row of the table as `bulkUpsert` gets it. */
export function reactionRow({ people }: PageStore, stored: StoredMessage, phone: string): Attributes {
  const parentKey = keyFor(stored, people);
  const reaction = stored.reactions?.[phone];
  const person = people.byPhone(phone);
  const author = person && people.addressOf(person);
  const fromMe = phone === people.me.phone;
  return {
    id: new MsgKey({ fromMe, remote: parentKey.remote, id: reaction?.id ?? parentKey.id }),
    reactionParentKey: parentKey,
    reactionText: reaction?.emoji ?? '',
    reactionTimestamp: reaction?.timestamp ?? 0,
    author,
    from: author,
    read: false,
    orphan: 0,
    ack: 2,
  };
}
