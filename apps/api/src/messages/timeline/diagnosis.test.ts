import { describe, expect, it } from 'vitest';
import { MESSAGE_STATUSES, PAUSE_REASONS, SESSION_REASONS, SESSION_STATES } from '#contracts';
import {
  at,
  attempt,
  connected,
  expectDiagnosis,
  facts,
  interrupted,
  NOW,
  QUEUED_CODES,
  type DiagnosisCase,
} from '../../../test/diagnosis-cases.js';
import { DIAGNOSIS_CODES } from './diagnosis-facts.js';
import { diagnose } from './diagnosis.js';

const media = { state: 'stored', error: null, attempts: 0, nextAttemptAt: null };

/** But for those of what waits to leave, which have a table of their own. */
const TABLE: DiagnosisCase[] = [
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
    /tried 8 times\. At last: WhatsApp Web did not take it \(rejected\)\.$/,
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
    /nobody can tell yet: the process .+ \(process_gone\)\. It is not sent .+looked up 2 times/,
    /^Wait\. Do not send it again: .+ until 2026-01-02 12:29 UTC, .+ proves nothing\..+unknown_final/,
  ],
  [
    'fate_unknown',
    {
      status: 'unknown',
      attempt: { ...attempt, outcome: 'unknown', reason: 'the send (handed) failed with error' },
    },
    /nobody can tell yet: WhatsApp Web failed after the hand-over had begun \(error\)\. It/,
    /Do not send it again/,
  ],
  [
    'fate_unknown',
    {
      status: 'unknown',
      attempt: { ...attempt, outcome: 'unknown', reason: 'the page was lost during the send' },
    },
    /nobody can tell yet: the page was lost during the send\. It/,
    /Do not send it again/,
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
    { status: 'received', media: { ...media, state: 'expired', error: 'gone' } },
    /its file is expired: WhatsApp no longer has it \(gone\)\.$/,
    /media\/download/,
  ],
  [
    'media_missing',
    { status: 'received', media: { ...media, state: 'failed', error: 'hash_mismatch' } },
    /its file is failed: its bytes were not .+ \(hash_mismatch\)\.$/,
    /media\/download/,
  ],
];

describe('a diagnosis', () => {
  it.each(TABLE)('is %s', expectDiagnosis);

  it('has a row above for every status and every code', () => {
    const statuses = TABLE.map(([, { status }]) => status);
    const withoutRow = MESSAGE_STATUSES.filter((status) => !statuses.includes(status));
    expect(withoutRow).toEqual(['queued']);
    const codes = [...QUEUED_CODES, ...TABLE.map(([code]) => code)];
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
