import { expect } from 'vitest';
import type { Diagnosis, DiagnosisFacts } from '../src/messages/timeline/diagnosis-facts.js';
import { diagnose } from '../src/messages/timeline/diagnosis.js';

export const NOW = new Date('2026-01-01T12:30:00Z');
export const at = (time: string) => new Date(`2026-01-01T${time}:00Z`);

export const attempt = {
  isCalled: true,
  isEnded: true,
  outcome: 'handed',
  reason: null,
  startedAt: at('12:29'),
  lookups: 0,
  finalAt: new Date('2026-01-02T12:29:00Z'),
};
export const connected = {
  state: 'connected',
  reason: 'ready',
  action: null,
  since: at('09:00'),
  isRunning: true,
  isStrictlyOrdered: false,
  pause: null,
} as const;
export const interrupted = {
  ...connected,
  state: 'interrupted',
  reason: 'network',
  action: 'open_phone',
  since: at('12:03'),
} as const;

/** Of a message that is first in the queue of a connected session. */
export const facts: DiagnosisFacts = {
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

/** What is said of a message that waits to leave. */
export const QUEUED_CODES: readonly Diagnosis['code'][] = [
  'scheduled',
  'session_paused',
  'session_not_connected',
  'session_cannot_send',
  'waiting_for_retry',
  'chat_blocked',
  'paced',
  'in_queue',
];

/** What is said when the facts differ so from those of a message that is first in the queue. */
export type DiagnosisCase = [
  code: Diagnosis['code'],
  changes: Partial<DiagnosisFacts>,
  summary: RegExp,
  advice: RegExp,
];

export function expectDiagnosis(...[code, changes, summary, advice]: DiagnosisCase): void {
  const diagnosis = diagnose({ ...facts, ...changes });
  expect(diagnosis.code).toBe(code);
  expect(diagnosis.summary).toMatch(summary);
  expect(diagnosis.advice).toMatch(advice);
}
