import { handOver, row, sends, type HistoryBug } from './history-bug.js';

/** Of what was accepted: lost, sent twice, told wrongly, out of order, too late (I1 to I5, I7, I12). */
export const SENDING_BUGS: HistoryBug[] = [
  {
    bug: 'an accepted message is lost',
    caughtBy: 'I1',
    names: 'msg_001',
    apply: (history) => {
      history.messages = history.messages.filter(({ id }) => id !== 'msg_001');
      history.attempts = history.attempts.filter(({ messageId }) => messageId !== 'msg_001');
    },
  },
  {
    bug: 'a message stays in the queue for ever',
    caughtBy: 'I1',
    names: 'msg_007',
    apply: (history) => void (row(history, 'msg_007').status = 'queued'),
  },
  {
    bug: 'an unknown fate is never settled',
    caughtBy: 'I1',
    names: 'msg_009',
    apply: (history) => void (row(history, 'msg_009').status = 'unknown'),
  },
  {
    bug: 'a refused request leaves a message behind',
    caughtBy: 'I1',
    names: 'msg_666',
    apply: (history) =>
      void history.messages.push({ ...row(history, 'msg_008'), id: 'msg_666', clientRef: 'ref-13' }),
  },
  {
    bug: 'an accepted message is not found when it is asked for',
    caughtBy: 'I1',
    names: 'msg_002',
    apply: (history) => {
      const asked = history.client.find(({ kind, target }) => kind === 'get' && target === 'msg_002');
      Object.assign(asked ?? {}, { status: 404, seen: [], ids: [] });
    },
  },
  {
    bug: 'one hand-over is made twice under one id',
    caughtBy: 'I2',
    names: 'msg_001',
    apply: (history) => void (handOver(history, 'msg_001').handOvers = 2),
  },
  {
    bug: 'a message is sent again under a new id',
    caughtBy: 'I2',
    names: 'msg_003',
    apply: (history) => {
      const [attempt] = history.attempts.filter(({ messageId }) => messageId === 'msg_003');
      if (!attempt) throw new Error('no attempt');
      history.attempts.push({ ...attempt, number: 2, waMessageId: '3EB0again' });
      history.handOvers.push({ ...handOver(history, 'msg_003'), waMessageId: '3EB0again', order: 999 });
    },
  },
  {
    bug: 'something leaves that nobody asked for',
    caughtBy: 'I2',
    names: '3EB0stray',
    apply: (history) =>
      void history.handOvers.push({ ...handOver(history, 'msg_003'), waMessageId: '3EB0stray', order: 999 }),
  },
  {
    bug: 'sent is said without a hand-over',
    caughtBy: 'I3',
    names: 'msg_004',
    apply: (history) =>
      void (history.handOvers = history.handOvers.filter((one) => one !== handOver(history, 'msg_004'))),
  },
  {
    bug: 'delivered is said of a message that is only sent',
    caughtBy: 'I3',
    names: 'msg_002',
    apply: (history) => void (handOver(history, 'msg_002').ack = 1),
  },
  {
    bug: 'failed is said of a message that has left',
    caughtBy: 'I3',
    names: 'msg_004',
    apply: (history) => void (row(history, 'msg_004').status = 'failed'),
  },
  {
    bug: 'a text is mixed up with another',
    caughtBy: 'I3',
    names: 'msg_001',
    apply: (history) => void (handOver(history, 'msg_001').text = 'text of another'),
  },
  {
    bug: 'a message goes to somebody else',
    caughtBy: 'I3',
    names: 'msg_001',
    apply: (history) => void (handOver(history, 'msg_001').to = '4915100000099'),
  },
  {
    bug: 'a second message for one key',
    caughtBy: 'I4',
    names: 'msg_444',
    apply: (history) => {
      history.messages.push({
        ...row(history, 'msg_004'),
        id: 'msg_444',
        status: 'cancelled',
        waMessageId: null,
      });
      const second = sends(history, 'ref-4')[1];
      Object.assign(second ?? {}, { seen: [{ id: 'msg_444', status: 'queued', ack: null }] });
    },
  },
  {
    bug: 'a key is accepted again for another request',
    caughtBy: 'I4',
    names: 'msg_004',
    apply: (history) => {
      const [refused] = sends(history, 'ref-13');
      const [first] = sends(history, 'ref-4');
      Object.assign(refused ?? {}, { status: 202, seen: first?.seen, ids: first?.ids });
    },
  },
  {
    bug: 'one request makes two messages',
    caughtBy: 'I4',
    names: 'msg_111',
    apply: (history) =>
      void history.messages.push({ ...row(history, 'msg_008'), id: 'msg_111', clientRef: 'ref-1' }),
  },
  {
    bug: 'two messages of a chat change places',
    caughtBy: 'I5',
    names: 'msg_002',
    apply: (history) => {
      const [one, two] = [handOver(history, 'msg_001'), handOver(history, 'msg_002')];
      [one.order, two.order] = [two.order, one.order];
    },
  },
  {
    bug: 'what is urgent leaves last',
    caughtBy: 'I5',
    names: 'msg_010',
    apply: (history) => {
      // The urgent one was accepted first, for the same chat as a later one that left.
      row(history, 'msg_005').chatId = row(history, 'msg_006').chatId;
      handOver(history, 'msg_005').order = 999;
      history.messages = history.messages.map((one) =>
        one.id === 'msg_006' ? { ...one, id: 'msg_010' } : one,
      );
      history.attempts = history.attempts.map((one) =>
        one.messageId === 'msg_006' ? { ...one, messageId: 'msg_010' } : one,
      );
    },
  },
  {
    bug: 'a status goes back',
    caughtBy: 'I7',
    names: 'msg_003',
    apply: (history) => {
      const last = history.client.filter(({ target }) => target === 'msg_003').at(-1);
      Object.assign(last?.seen[0] ?? {}, { status: 'sent', ack: 1 });
    },
  },
  {
    bug: 'the row is less far than an answer was',
    caughtBy: 'I7',
    names: 'msg_002',
    apply: (history) => void Object.assign(row(history, 'msg_002'), { status: 'sent', ack: 1 }),
  },
  {
    bug: 'something happens to a cancelled message',
    caughtBy: 'I7',
    names: 'msg_008',
    apply: (history) => void (row(history, 'msg_008').status = 'failed'),
  },
  {
    bug: 'sent is told after delivered',
    caughtBy: 'I7',
    names: 'msg_001',
    apply: (history) => {
      const told = history.events?.filter(({ messageId }) => messageId === 'msg_001') ?? [];
      [told[0]!.seq, told[1]!.seq] = [told[1]!.seq, told[0]!.seq];
    },
  },
  {
    bug: 'a change is told twice',
    caughtBy: 'I7',
    names: 'msg_001',
    apply: (history) => {
      const told = history.events?.filter(({ messageId }) => messageId === 'msg_001') ?? [];
      Object.assign(told[1] ?? {}, { type: told[0]?.type, status: told[0]?.status });
    },
  },
  {
    bug: 'a message leaves after its expiry',
    caughtBy: 'I12',
    names: 'msg_006',
    apply: (history) =>
      sends(history, 'ref-6').forEach(
        ({ sent, startedAtMs }) => void Object.assign(sent ?? {}, { expiresAtMs: startedAtMs }),
      ),
  },
  {
    bug: 'a cancelled message leaves',
    caughtBy: 'I12',
    names: 'msg_002',
    apply: (history) => void (row(history, 'msg_002').status = 'cancelled'),
  },
  {
    bug: 'a message leaves for somebody who opted out',
    caughtBy: 'I12',
    names: 'msg_011',
    apply: (history) =>
      void history.optOuts.push({ tenantId: 'tnt_a', phone: '4915100000004', atMs: 1_800_000_000_000 }),
  },
  {
    bug: 'a revoked key still works',
    caughtBy: 'I12',
    names: 'key_old',
    apply: (history) => void Object.assign(history.client.at(-1) ?? {}, { status: 200 }),
  },
];
