import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { byTime, FILTERS, FROM, ListedMessages, newestFirst, TO } from './listed-messages.js';

let listed: ListedMessages;

beforeAll(async () => {
  listed = await ListedMessages.start();
});
afterAll(() => listed?.close());

describe('a list of messages', () => {
  it.each(FILTERS)('of %s holds each of them once, newest first', async (_name, query, test) => {
    expect(await listed.idsOf(query)).toEqual(newestFirst(listed.all.filter(test)));
  });

  it.each(FILTERS)('of %s in a range of time is in the order of time', async (_name, query, test) => {
    const range = { from: FROM.toISOString(), to: TO.toISOString() };
    const wanted = listed.all.filter((row) => test(row) && row.occurredAt >= FROM && row.occurredAt < TO);
    expect(await listed.idsOf({ ...query, ...range })).toEqual(byTime(wanted));
  });

  it('holds the sessions that the key may use, and no other', async () => {
    const bound = await listed.api.createKey(listed.tenant.tenantId, { sessionIds: [listed.sessions[0]!] });
    const live = await listed.api.createKey(listed.tenant.tenantId, { mode: 'live' });
    expect(await listed.idsOf({}, bound)).toEqual(
      newestFirst(listed.all.filter((row) => row.session === listed.sessions[0])),
    );
    expect(await listed.idsOf({}, live)).toEqual([]);
    expect(await listed.idsOf({ search: 'order' }, live)).toEqual([]);
  });
});
