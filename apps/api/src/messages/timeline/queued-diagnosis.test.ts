import { describe, expect, it } from 'vitest';
import {
  at,
  attempt,
  connected,
  expectDiagnosis,
  interrupted,
  NOW,
  QUEUED_CODES,
  type DiagnosisCase,
} from '../../../test/diagnosis-cases.js';

const TABLE: DiagnosisCase[] = [
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
    /^Attempt 2 certainly did not leave: the page .+ was not there \(page_gone\); it is tried again at 12:31 UTC/,
    /Nothing/,
  ],
  [
    'waiting_for_retry',
    { dueAt: at('12:32'), expiresAt: at('12:31'), attempts: 1 },
    /^Attempt 1 certainly did not leave; it expires at 12:31:00 UTC, before/,
    /once it has expired\.$/,
  ],
  [
    'chat_blocked',
    { isChatBlocked: true },
    /earlier message of its chat/,
    /settled; one of unknown fate holds it back for 60 seconds at most.+ It expires/,
  ],
  [
    'chat_blocked',
    { isChatBlocked: true, session: { ...connected, isStrictlyOrdered: true } },
    /earlier message of its chat/,
    /settled; one of unknown fate holds it back until .+`unknown_final`.+`strictOrder`\./,
  ],
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
];

describe('a diagnosis of what waits to leave', () => {
  it.each(TABLE)('is %s', expectDiagnosis);

  it('has a row above for every code', () => {
    const codes = TABLE.map(([code]) => code);
    expect(QUEUED_CODES.filter((code) => !codes.includes(code))).toEqual([]);
  });
});
