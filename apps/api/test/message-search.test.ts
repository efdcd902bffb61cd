import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '#kernel';
import { waitFor } from '../../../test/support/index.js';
import { SearchIndex } from '../src/messages/search/search-index.js';
import { BLOCK_SIZE } from '../src/messages/search/search-terms.js';
import {
  byTime,
  FILTERS,
  FROM,
  ListedMessages,
  newestFirst,
  START,
  TEXTS,
  TO,
  type ListedMessage,
} from './listed-messages.js';
import { indexAll, storeMessages, type StoredMessage } from './stored-messages-steps.js';

const SEARCHES: [query: string, test: (row: ListedMessage) => boolean][] = [
  ['order', (row) => /order/i.test(row.text)],
  ['ORD left', (row) => row.text === TEXTS[0]],
  ['счёт', (row) => row.text === TEXTS[1]],
  ['已经', (row) => row.text === TEXTS[2]],
  ['no such words', () => false],
];

let listed: ListedMessages;

beforeAll(async () => {
  listed = await ListedMessages.start();
});
afterAll(() => listed?.close());

describe.each(['not indexed yet', 'indexed', 'indexed in part'] as const)('a search, %s', (how) => {
  beforeAll(async () => {
    const index = listed.api.app.get(SearchIndex, { strict: false });
    if (how === 'not indexed yet') return;
    if (how === 'indexed') await indexAll(listed.api);
    // As when a message was committed behind the back of the indexing.
    else {
      await listed.api.database.worker((tx) =>
        tx.query('DELETE FROM message_search WHERE tenant_id = $1 AND message_id = ANY($2)', [
          listed.tenant.tenantId,
          listed.all.filter(({ n }) => n % 10 === 0).map(({ id }) => id),
        ]),
      );
      await waitFor(async () => (await index.lookBack(START + 3_600_000)) > 0, {
        what: 'what was missed to be indexed',
      });
    }
  });

  it.each(SEARCHES)('for %s finds them, newest first', async (search, test) => {
    expect(await listed.idsOf({ search })).toEqual(newestFirst(listed.all.filter(test)));
  });

  it.each(SEARCHES)('for %s finds them in a chat and by how they ended', async (search, test) => {
    const session = 'session-1';
    const inChat = (row: ListedMessage) =>
      row.sessionName === 'session-1' && row.chat === '4915110000003@c.us';
    expect(await listed.idsOf({ session, chat: '4915110000003', search })).toEqual(
      newestFirst(listed.all.filter((row) => inChat(row) && test(row))),
    );
    for (const status of ['failed', 'expired'])
      expect(await listed.idsOf({ status, search })).toEqual(
        newestFirst(listed.all.filter((row) => row.status === status && test(row))),
      );
  });

  it.each(FILTERS)('keeps to %s', async (_name, query, test) => {
    const wanted = listed.all.filter((row) => test(row) && /order/i.test(row.text));
    expect(await listed.idsOf({ ...query, search: 'order' })).toEqual(newestFirst(wanted));
    const range = { from: FROM.toISOString(), to: TO.toISOString() };
    expect(await listed.idsOf({ ...query, ...range, search: 'order' })).toEqual(
      byTime(wanted.filter((row) => row.occurredAt >= FROM && row.occurredAt < TO)),
    );
  });
});

describe('the index of the search', () => {
  it('follows a message that says something else', async () => {
    const { id } = listed.all[7]!;
    await listed.api.database.worker((tx) =>
      tx.query(
        `UPDATE messages SET content = '{"type":"text","text":"changed zebra"}' WHERE tenant_id = $1 AND id = $2`,
        [listed.tenant.tenantId, id],
      ),
    );
    await indexAll(listed.api);
    expect(await listed.idsOf({ search: 'zebra' })).toEqual([id]);
  });

  it('goes through blocks from the newest to the oldest', async () => {
    await listed.api.database.worker(async (tx) => {
      await tx.query('DELETE FROM message_search WHERE tenant_id = $1', [listed.tenant.tenantId]);
      await tx.query(`UPDATE search_progress SET upto_id = '', indexed = $2 WHERE tenant_id = $1`, [
        listed.tenant.tenantId,
        BLOCK_SIZE - 100,
      ]);
    });
    await indexAll(listed.api);
    const blocks = await listed.api.database.worker<{ block: number }[]>((tx) =>
      tx.query('SELECT DISTINCT block FROM message_search WHERE tenant_id = $1 ORDER BY block', [
        listed.tenant.tenantId,
      ]),
    );
    expect(blocks).toEqual([{ block: 0 }, { block: 1 }]);
    const wanted = listed.all.filter((row) => row.n !== 7 && /order/i.test(row.text));
    expect(await listed.idsOf({ search: 'order' })).toEqual(newestFirst(wanted));
  });

  it('is not needed where few messages fit the filters', async () => {
    await indexAll(listed.api);
    const [first, second] = listed.all.filter((row) => row.status === 'sent').slice(3) as [
      ListedMessage,
      ListedMessage,
    ];
    await listed.api.database.worker(async (tx) => {
      const change = (row: ListedMessage, set: string) =>
        tx.query(`UPDATE messages SET ${set} WHERE tenant_id = $1 AND id = $2`, [
          listed.tenant.tenantId,
          row.id,
        ]);
      await change(first, `status = 'cancelled', content = '{"type":"text","text":"Giraffe at once"}'`);
      await change(second, `status = 'cancelled', content = '{"type":"text","text":"a ｇｉｒａﬀe too"}'`);
      await tx.query('DELETE FROM message_search WHERE tenant_id = $1 AND message_id = $2', [
        listed.tenant.tenantId,
        second.id,
      ]);
    });
    const both = newestFirst([first, second]);
    expect(await listed.idsOf({ search: 'giraffe', status: 'cancelled' })).toEqual(both);
    for (const row of [first, second]) {
      const chat = row.chat.replace('@c.us', '');
      const session = row.sessionName;
      expect(await listed.idsOf({ search: 'giraffe', chat })).toContain(row.id);
      expect(await listed.idsOf({ search: 'giraffe', session, status: 'cancelled' })).toContain(row.id);
    }
    await waitFor(async () => (await listed.api.app.get(SearchIndex, { strict: false }).lookBack()) > 0, {
      what: 'what was missed to be indexed',
    });
  });

  it('leads to a few among many that fit the filters', async () => {
    const chat = '4915119999999';
    const many = Array.from({ length: 3_000 }, (_, place): StoredMessage => {
      const n = place + 1;
      return {
        id: newId('msg', START + 7_200_000 + place * 1_000),
        session: listed.sessions[n % 3]!,
        chat: `${chat}@c.us`,
        direction: 'out',
        text: n % 1000 === 5 ? 'Okapi' : n % 3 === 0 ? 'lemur' : 'x',
        status: 'failed',
        occurredAt: new Date(),
      };
    });
    await storeMessages(listed.api, listed.tenant.tenantId, many);
    const filters: Record<string, string>[] = [
      { chat },
      { status: 'failed' },
      { session: 'session-0', chat },
    ];
    const where = (test: (n: number) => boolean) =>
      many
        .filter((_, place) => test(place + 1))
        .map(({ id }) => id)
        .reverse();
    for (const how of ['not indexed yet', 'indexed']) {
      if (how === 'indexed') await indexAll(listed.api, 30_000);
      for (const filter of filters) {
        const isTheirs = (n: number) => !('session' in filter) || n % 3 === 0;
        expect(await listed.idsOf({ ...filter, search: 'okapi' })).toEqual(
          where((n) => n % 1000 === 5 && isTheirs(n)),
        );
        expect(await listed.idsOf({ ...filter, search: 'no such' })).toEqual([]);
      }
      expect(await listed.idsOf({ chat, search: 'LEMUR' })).toEqual(
        where((n) => n % 3 === 0 && n % 1000 !== 5),
      );
    }
  });

  it.each(['a', '!!', ' '.repeat(5), 'x'.repeat(201)])('refuses %j and says why', async (search) => {
    const { status, body } = await listed.tenant.client.get(`/messages?search=${encodeURIComponent(search)}`);
    expect(status).toBe(400);
    expect(JSON.stringify(body.errors)).toContain('search');
  });
});
