import type { Attributes } from './model.js';
import { keyFor } from './msg.js';
import { MsgKey } from './msg-key.js';
import type { StoredMessage } from './page-db.js';
import type { PageStore } from './page-store.js';

/** `WAWebAddonPollVoteTableMode.pollVoteTableMode`; the library hooks `bulkUpsert`. */
export const pollVoteTableMode = {
  bulkUpsert: (_votes: Attributes[]): Promise<void> => Promise.resolve(),
};

/** `WAWebPollsVotesSchema.getTable()`: the votes of a poll, read from the page's database. */
export function votesTable(store: PageStore): object {
  return {
    equals: (index: string[], value: string): Promise<Attributes[]> => {
      if (index[0] !== 'parentMsgKey') return Promise.resolve([]);
      const msg = store.msgs.get(value);
      const stored = msg && store.storedOf(msg);
      const voters = Object.keys(stored?.votes ?? {});
      return Promise.resolve(stored ? voters.map((phone) => storedVote(store, stored, phone)) : []);
    },
  };
}

/** A row of the table as `bulkUpsert` gets it. */
export function voteRow({ people }: PageStore, stored: StoredMessage, phone: string): Attributes {
  const parentKey = keyFor(stored, people);
  const vote = stored.votes?.[phone];
  const person = people.byPhone(phone);
  const author = person && people.addressOf(person);
  return {
    id: new MsgKey({
      fromMe: phone === people.me.phone,
      remote: parentKey.remote,
      id: vote?.id ?? parentKey.id,
    }),
    pollUpdateParentKey: parentKey,
    selectedOptionLocalIds: vote?.choices ?? [],
    senderTimestampMs: vote?.timestamp ?? 0,
    t: vote?.timestamp ?? 0,
    author,
    from: author,
  };
}

function storedVote(store: PageStore, stored: StoredMessage, phone: string): Attributes {
  const { id, pollUpdateParentKey, selectedOptionLocalIds, senderTimestampMs, author } = voteRow(
    store,
    stored,
    phone,
  );
  return {
    msgKey: String(id),
    parentMsgKey: String(pollUpdateParentKey),
    sender: String(author),
    selectedOptionLocalIds: Uint8Array.from(selectedOptionLocalIds as number[]).buffer,
    senderTimestampMs,
  };
}
