import { get, handOver, row, type HistoryBug } from './history-bug.js';

/** Of what came in and what is kept: rows, events, tenants and files (I6, I8 to I11). */
export const RECORDING_BUGS: HistoryBug[] = [
  {
    bug: 'a message that came in is missing',
    caughtBy: 'I6',
    names: 'AC2',
    apply: (history) => void (history.messages = history.messages.filter(({ id }) => id !== 'msg_902')),
  },
  {
    bug: 'a message that came in is recorded twice',
    caughtBy: 'I6',
    names: 'AC2',
    apply: (history) => void history.messages.push({ ...row(history, 'msg_902'), id: 'msg_902b' }),
  },
  {
    bug: 'a message is recorded that nobody sent',
    caughtBy: 'I6',
    names: 'msg_902',
    apply: (history) =>
      void (history.pushed = history.pushed.filter(({ waMessageId }) => waMessageId !== 'AC2')),
  },
  {
    bug: 'an edit is lost',
    caughtBy: 'I6',
    names: 'msg_901',
    apply: (history) => void Object.assign(history.pushed[0] ?? {}, { text: 'edited' }),
  },
  {
    bug: 'messages of a chat are recorded in another order',
    caughtBy: 'I6',
    names: 'msg_902',
    apply: (history) => {
      row(history, 'msg_902').occurredAtMs = row(history, 'msg_901').occurredAtMs;
      [history.pushed[0], history.pushed[1]].forEach((one, place) =>
        Object.assign(one ?? {}, { order: 50 - place }),
      );
      history.pushed[2]!.order = 60;
    },
  },
  {
    bug: 'a message that came in is not announced',
    caughtBy: 'I6',
    names: 'msg_902',
    apply: (history) => {
      const event = history.events?.find(({ messageId }) => messageId === 'msg_902');
      Object.assign(event ?? {}, { type: 'chat.updated' });
    },
  },
  {
    bug: 'a message that came in is announced twice',
    caughtBy: 'I6',
    names: 'msg_901',
    apply: (history) => {
      const event = history.events?.find(({ messageId }) => messageId === 'msg_902');
      Object.assign(event ?? {}, { messageId: 'msg_901' });
    },
  },
  {
    bug: 'an event is never shown to its reader',
    caughtBy: 'I8',
    names: 'evt_a3',
    apply: (history) => void (history.readEvents = history.readEvents?.filter(({ id }) => id !== 'evt_a3')),
  },
  {
    bug: 'an event is read that is not kept',
    caughtBy: 'I8',
    names: 'evt_a999',
    apply: (history) =>
      void history.readEvents?.push({ tenantId: 'tnt_a', id: 'evt_a999', seq: 999, type: 'message.sent' }),
  },
  {
    bug: 'an answer holds an id of another tenant',
    caughtBy: 'I9',
    names: 'msg_012',
    apply: (history) => void history.client.find(({ tenantId }) => tenantId === 'tnt_a')?.ids.push('msg_012'),
  },
  {
    bug: 'another tenant’s message answers otherwise than a missing one',
    caughtBy: 'I9',
    names: 'msg_001',
    apply: (history) =>
      void Object.assign(history.client.find(({ kind }) => kind === 'probe') ?? {}, { status: 403 }),
  },
  {
    bug: 'a row is written to another tenant’s session',
    caughtBy: 'I9',
    names: 'msg_001',
    apply: (history) => void (row(history, 'msg_001').tenantId = 'tnt_b'),
  },
  {
    bug: 'event numbers have a hole',
    caughtBy: 'I10',
    names: 'evt_a5',
    apply: (history) =>
      history.events
        ?.filter(({ tenantId, seq }) => tenantId === 'tnt_a' && (seq ?? 0) >= 5)
        .forEach((event) => void (event.seq = (event.seq ?? 0) + 1)),
  },
  {
    bug: 'an event never gets a number',
    caughtBy: 'I10',
    names: 'evt_a6',
    apply: (history) => void (get(history.events, 'evt_a6').seq = null),
  },
  {
    bug: 'two events have one number',
    caughtBy: 'I10',
    names: 'evt_a5',
    apply: (history) => void (get(history.events, 'evt_a5').seq = 4),
  },
  {
    bug: 'a file is stored with other bytes',
    caughtBy: 'I11',
    names: 'msg_903',
    apply: (history) => void (get(history.media, 'med_in3').sha256 = 'b'.repeat(64)),
  },
  {
    bug: 'a file leaves with other bytes',
    caughtBy: 'I11',
    names: 'msg_011',
    apply: (history) => void (handOver(history, 'msg_011').sha256 = 'b'.repeat(64)),
  },
  {
    bug: 'the store gives other bytes than it says',
    caughtBy: 'I11',
    names: 'med_in3',
    apply: (history) =>
      history.objects
        .filter(({ mediaId }) => mediaId === 'med_in3')
        .forEach((object) => void (object.sha256 = 'b'.repeat(64))),
  },
  {
    bug: 'a file waits for ever',
    caughtBy: 'I11',
    names: 'msg_903',
    apply: (history) => void Object.assign(get(history.media, 'med_in3'), { state: 'pending', sha256: null }),
  },
];
