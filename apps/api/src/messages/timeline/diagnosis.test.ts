import { describe, expect, it } from 'vitest';
import { MESSAGE_STATUSES, PAUSE_REASONS, SESSION_REASONS, SESSION_STATES } from '#contracts';
import { DIAGNOSIS_CODES, type DiagnosisFacts } from './diagnosis-facts.js';
import { diagnose } from './diagnosis.js';

const NOW = new Date('2026-01-01T12:30:00Z');
const at = (time: string) => new Date(`2026-01-01T${time}:00Z`);

const attempt = {
  isCalled: true,
  isEnded: true,
  outcome: 'handed',
  reason: null,
  startedAt: at('12:29'),
  lookups: 0,
  finalAt: new Date('2026-01-02T12:29:00Z'),
};
const connected = {
  state: 'connected',
  reason: 'ready',
  action: null,
  since: at('09:00'),
  isRunning: true,
  pause: null,
} as const;
const interrupted = {
  ...connected,
  state: 'interrupted',
  reason: 'network',
  action: 'open_phone',
  since: at('12:03'),
} as const;
const media = { state: 'stored', error: null, attempts: 0, nextAttemptAt: null };

const facts: DiagnosisFacts = {
  now: NOW,
  status: 'queued',
  errorCode: null,
  errorDetail: null,
  type: 'text',
  dueAt: at('12:00'),
  expiresAt: new Date('2026-01-02T12:00:00Z'),
  attempts: 0,
  ahead: 0,
  isChatBlocked: false,
  eta: null,
  isByStrangersCap: false,
  session: connected,
  attempt: null,
  media: null,
};

type Row = [
  code: (typeof DIAGNOSIS_CODES)[number],
  changes: Partial<DiagnosisFacts>,
  summary: RegExp,
  advice: RegExp,
];

const TABLE: Row[] = [
  [
    'session_cannot_send',
    { dueAt: at('12:33'), session: { ...connected, reason: 'contract_broken', since: at('12:03') } },
    /^First in the queue; the session cannot send since 12:03 UTC: WhatsApp Web changed .+ sends are held\.$/,
    /^Tell the operator: a newer version .+ It expires at/,
  ],
  [
    'in_queue',
    { ahead: 3 },
    /^Queued behind 3 messages; the session is connected\.$/,
    /expires at 2026-01-02 12:00 UTC/,
  ],
  ['in_queue', { ahead: 1_000 }, /behind 1000 messages or more/, /Nothing has to be done/],
  [
    'session_not_connected',
    { ahead: 41, session: interrupted },
    /^Queued behind 41 messages; the session is interrupted since 12:03 UTC: .+ no connection to WhatsApp/,
    /^Open WhatsApp on the phone/,
  ],
  [
    'session_not_connected',
    { session: { ...connected, state: 'logged_out', reason: 'unlinked', action: null, isRunning: false } },
    /logged_out .+ The phone removed this login/,
    /link the phone again/,
  ],
  ['session_not_connected', { session: { ...connected, isRunning: false } }, /connected since 09:00/, /Wait/],
  [
    'session_paused',
    {
      session: { ...connected, pause: { reason: 'unacknowledged', since: at('12:10'), until: at('13:10') } },
    },
    /paused since 12:10:00 UTC until 13:10:00 UTC: WhatsApp acknowledged none/,
    /^Look at the phone .+ resume the session, or wait: the pause ends by itself\./,
  ],
  [
    'scheduled',
    { dueAt: new Date('2026-01-03T08:00:00Z') },
    /^It is to leave at 2026-01-03 08:00 UTC/,
    /Nothing/,
  ],
  [
    'waiting_for_retry',
    { dueAt: at('12:31'), attempts: 2, attempt: { ...attempt, outcome: 'not_sent', reason: 'page_gone' } },
    /^Attempt 2 certainly did not leave \(page_gone\); it is tried again at 12:31 UTC/,
    /Nothing/,
  ],
  [
    'waiting_for_retry',
    { dueAt: at('12:32'), expiresAt: at('12:31'), attempts: 1 },
    /^Attempt 1 certainly did not leave; it expires at 12:31:00 UTC, before/,
    /once it has expired\.$/,
  ],
  ['chat_blocked', { isChatBlocked: true }, /earlier message of its chat/, /settled/],
  [
    'session_paused',
    {
      session: {
        ...connected,
        pause: { reason: 'requested', since: NOW, until: new Date(NOW.getTime() + 5_000) },
      },
    },
    /paused since 12:30:00 UTC until 12:30:05 UTC/,
    /^The pause ends by itself/,
  ],
  [
    'session_paused',
    {
      expiresAt: at('12:40'),
      session: { ...connected, pause: { reason: 'requested', since: NOW, until: at('12:45') } },
    },
    /until 12:45:00 UTC: .+ It expires before that\.$/,
    /resume the session .+ It expires at 12:40 UTC\.$/,
  ],
  ['paced', { eta: at('12:45') }, /at about 12:45 UTC\.$/, /change the pacing/],
  [
    'paced',
    { eta: at('12:45'), expiresAt: at('12:40') },
    /would come at about 12:45 UTC, but it expires at 12:40 UTC: as things are it will not be sent\.$/,
    /change the pacing .+ or send it anew with a later `expiresAt`/,
  ],
  [
    'paced',
    { eta: at('12:45'), isByStrangersCap: true },
    /strangersPerDay.+ leaves at about 12:45/,
    /change/,
  ],
  ['paced', { isByStrangersCap: true }, /never wrote .+`strangersPerDay` is 0/, /raise `strangersPerDay`/],
  [
    'being_handed_over',
    {
      status: 'sending',
      attempts: 1,
      attempt: { ...attempt, isEnded: false, outcome: null, isCalled: false },
    },
    /^It was taken from the queue since 12:29 UTC \(attempt 1\)/,
    /Nothing/,
  ],
  [
    'being_handed_over',
    { status: 'sending', attempts: 3, attempt: { ...attempt, isEnded: false, outcome: null } },
    /being handed to WhatsApp .+ \(attempt 3\)/,
    /Nothing/,
  ],
  ['awaiting_acknowledgement', { status: 'sending', attempt }, /has not acknowledged/, /looked up/],
  ['sent', { status: 'sent' }, /server has it/, /online/],
  ['delivered', { status: 'delivered' }, /on a device/, /read receipts/],
  ['read', { status: 'read' }, /has read it/, /Nothing/],
  ['read', { status: 'played' }, /has played it/, /Nothing/],
  ['failed', { status: 'failed', errorCode: 'not_on_whatsapp' }, /not on WhatsApp/, /country code/],
  [
    'failed',
    { status: 'failed', errorCode: 'poison', attempts: 2 },
    /page .+ died.+tried 2 times/,
    /not send/,
  ],
  [
    'failed',
    { status: 'failed', errorCode: 'recipient_opted_out' },
    /^The recipient asked not to be written to\.$/,
    /^Do not send it/,
  ],
  [
    'failed',
    {
      status: 'failed',
      errorCode: 'attempts_exhausted',
      attempts: 8,
      attempt: { ...attempt, outcome: 'not_sent', reason: 'rejected' },
    },
    /tried 8 times\. At last: rejected\.$/,
    /reasons of the attempts/,
  ],
  ['failed', { status: 'failed', errorCode: 'session_deleted' }, /session was deleted/, /another session/],
  ['failed', { status: 'failed', errorCode: 'session_logged_out' }, /logged out/, /^Link the phone/],
  ['failed', { status: 'failed', errorCode: 'media_unavailable' }, /file/, /upload it again/],
  ['failed', { status: 'failed', errorCode: 'quoted_not_found' }, /quoted/, /without quoting/],
  ['failed', { status: 'failed', errorCode: 'rejected' }, /refused/, /phone before you send it again/],
  [
    'failed',
    { status: 'failed', errorCode: 'contract_broken' },
    /WhatsApp Web changed/,
    /do not send it again/,
  ],
  [
    'failed',
    { status: 'failed', errorCode: 'something_new' },
    /not sent \(something_new\)/,
    /before you send/,
  ],
  ['failed', { status: 'failed' }, /no reason known/, /before you send/],
  [
    'expired',
    { status: 'expired', expiresAt: at('12:20') },
    /^Its time was over at 12:20 UTC, .+ not sent\.$/,
    /`expiresAt`.+pacing.+pause.+not connected/,
  ],
  [
    'expired',
    { status: 'expired', expiresAt: at('12:20'), errorDetail: 'It was held back.', attempts: 2 },
    /^Its time was over at 12:20 UTC\. It was held back\. It was tried 2 times\.$/,
    /send it again/,
  ],
  ['cancelled', { status: 'cancelled' }, /taken out of the queue/, /Send it again/],
  [
    'fate_unknown',
    {
      status: 'unknown',
      attempt: {
        ...attempt,
        outcome: 'unknown',
        reason: 'process_gone',
        lookups: 2,
      },
    },
    /nobody can tell yet \(process_gone\).+looked up 2 times/,
    /^Wait\. Do not send it again: .+ until 2026-01-02 12:29 UTC, .+ proves nothing\..+unknown_final/,
  ],
  [
    'fate_unknown',
    { status: 'unknown', session: interrupted },
    /interrupted/,
    /Open WhatsApp.+Do not send it again/,
  ],
  ['fate_unknown_for_good', { status: 'unknown_final' }, /not found/, /Look into the chat on the phone/],
  ['received', { status: 'received' }, /came in and is stored/, /Nothing/],
  ['received', { status: 'received', type: 'image', media }, /came in and is stored/, /Nothing/],
  ['undecryptable', { status: 'received', type: 'undecryptable' }, /could not decrypt/, /Open WhatsApp/],
  [
    'media_on_its_way',
    {
      status: 'received',
      media: { ...media, state: 'pending', attempts: 2, nextAttemptAt: at('12:40') },
    },
    /tried 2 times in vain; next attempt at 12:40 UTC/,
    /connected/,
  ],
  [
    'media_on_its_way',
    { status: 'received', media: { ...media, state: 'pending' } },
    /tried not yet\./,
    /connected/,
  ],
  [
    'media_missing',
    { status: 'received', media: { ...media, state: 'failed', error: 'hash_mismatch' } },
    /its file is failed \(hash_mismatch\)/,
    /media\/download/,
  ],
];

describe('a diagnosis', () => {
  it.each(TABLE)('is %s', (code, changes, summary, advice) => {
    const diagnosis = diagnose({ ...facts, ...changes });
    expect(diagnosis.code).toBe(code);
    expect(diagnosis.summary).toMatch(summary);
    expect(diagnosis.advice).toMatch(advice);
  });

  it('has a row above for every status and every code', () => {
    const statuses = TABLE.map(([, changes]) => changes.status ?? 'queued');
    expect(MESSAGE_STATUSES.filter((status) => !statuses.includes(status))).toEqual([]);
    const codes = TABLE.map(([code]) => code);
    expect(DIAGNOSIS_CODES.filter((code) => !codes.includes(code))).toEqual([]);
  });

  it('is whole sentences for every state, reason and pause of a session', () => {
    for (const status of MESSAGE_STATUSES)
      for (const state of SESSION_STATES)
        for (const reason of SESSION_REASONS)
          for (const pause of [null, ...PAUSE_REASONS]) {
            const session = {
              ...connected,
              state,
              reason,
              pause: pause && { reason: pause, since: NOW, until: null },
            };
            const { summary, advice } = diagnose({ ...facts, status, session });
            expect(`${summary} ${advice}`).not.toMatch(/undefined|null|NaN|\[object/);
            expect(summary).toMatch(/^[A-Z].+[.]$/);
            expect(advice).toMatch(/^[A-Z].+[.]$/);
          }
  });
});
