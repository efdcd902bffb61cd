import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { WaChat, WaMsg } from './wa.js';

const USER = '4915112345678';
const PHONE = `${USER}@c.us`;
const LID = '987654321@lid';
const NOW = 1_700_000_000;

const widOf = (text: string) => {
  const [user = '', server = ''] = text.split('@');
  return { user, server, _serialized: text };
};

/** A chat of the page that stands under this id and holds one message of each time. */
function chatOf(text: string, times: number[]): WaChat {
  const messages = times.map((t) => ({
    id: { fromMe: false, remote: widOf(text), id: `${text} ${String(t)}` },
    type: 'chat',
    body: 'hello',
    t,
  }));
  return { id: widOf(text), msgs: { getModelsArray: () => messages } };
}

describe('the sweep of a page', () => {
  let chats: WaChat[] = [];
  const modules: Record<string, unknown> = {
    WAWebCollections: {
      Chat: {
        getModelsArray: () => chats,
        get: (wid: { _serialized: string }) =>
          chats.find(({ id }) => (id as unknown as typeof wid)._serialized === wid._serialized),
      },
      Contact: { get: () => undefined },
    },
    WAWebWidFactory: { createWid: widOf },
    WAWebApiContact: { getCurrentLid: () => widOf(LID), getPhoneNumber: () => widOf(PHONE) },
    WAWebChatLoadMessages: { loadEarlierMsgs: () => Promise.resolve([]) },
  };

  beforeEach(() => {
    vi.stubGlobal('window', { require: (name: string) => modules[name] });
    vi.spyOn(Date, 'now').mockReturnValue(NOW * 1000);
  });
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
  });

  it('says of no chat that its newest message is later than now', async () => {
    const { chatHeads } = await import('./sweep.js');
    chats = [chatOf(PHONE, [NOW - 9, NOW + 3_600]), chatOf(LID, [NOW - 5, NOW + 90_000])];
    expect(chatHeads().map(({ newestSeconds }) => newestSeconds)).toEqual([NOW, NOW - 5]);
  });

  it('brings a bounded piece also of a group in which there are only marks', async () => {
    const { sweep } = await import('./sweep.js');
    const group = '120363000000000001@g.us';
    const mark = (t: number): WaMsg => ({
      id: { fromMe: false, remote: widOf(group), id: String(t) },
      type: 'gp2',
      subtype: 'subject',
      t,
    });
    const marks = Array.from({ length: 501 }, (_, index) => mark(NOW - 501 + index));
    chats = [{ id: widOf(group), msgs: { getModelsArray: () => marks } }];
    const wish = { chatId: group, sinceSeconds: NOW - 900, loadSeconds: NOW - 900, again: true };
    const [piece] = await sweep([wish], 60_000);
    expect([piece?.items.length, piece?.resumeSeconds]).toEqual([500, NOW - 1]);
  });

  it('goes on from where it stopped, unless one of the chats of somebody did not load', async () => {
    const { sweep } = await import('./sweep.js');
    const wish = { chatId: PHONE, sinceSeconds: NOW - 90, loadSeconds: NOW - 90, again: true };
    const loaded = chatOf(PHONE, [NOW - 99, NOW - 9, NOW - 5]);
    chats = [loaded];
    expect(await sweep([wish], -1)).toMatchObject([{ complete: false, resumeSeconds: NOW - 5 }]);
    chats = [loaded, chatOf(LID, [NOW - 20])];
    expect(await sweep([wish], -1)).toMatchObject([{ complete: false, resumeSeconds: null }]);
  });
});
