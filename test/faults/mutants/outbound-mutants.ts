import type { CodeMutant } from './mutant.js';
import * as scenarios from './scenarios.js';

const MESSAGES = 'apps/api/src/messages';
const UNKNOWN = `const unknown = { ...message, status: 'unknown' };`;

/** Bugs on the way out. */
export const OUTBOUND_MUTANTS: CodeMutant[] = [
  {
    name: 'sends again what may have left',
    patches: [
      {
        file: `${MESSAGES}/dispatcher/attempt-results.js`,
        before: UNKNOWN,
        after: `const unknown = { ...message, status: 'queued', waMessageId: null };`,
      },
    ],
    scenario: scenarios.crashAfterHandOver,
    caughtBy: ['I2'],
  },
  {
    name: 'guesses that what may have left has failed',
    patches: [
      {
        file: `${MESSAGES}/dispatcher/attempt-results.js`,
        before: UNKNOWN,
        after: `const unknown = { ...message, status: 'failed', errorCode: 'rejected' };`,
      },
      { file: `${MESSAGES}/message-progress.js`, before: 'failed: 1,', after: 'failed: 9,' },
    ],
    scenario: scenarios.crashAfterHandOver,
    caughtBy: ['I3'],
  },
  {
    name: 'sends again what a killed api had under way',
    patches: [
      {
        file: `${MESSAGES}/dispatcher/sweep-repository.js`,
        before: 'return this.attempted(FIND_CALLED, [], END_CALLED, unknownIfSending);',
        after: `return this.attempted(FIND_CALLED, [], END_CALLED, (message) =>
          message.status === 'sending' ? { ...message, status: 'queued', waMessageId: null } : message);`,
      },
    ],
    scenario: scenarios.killApiDuringSend,
    caughtBy: ['I2'],
  },
  {
    name: 'says sent as soon as it was handed over',
    patches: [
      {
        file: `${MESSAGES}/dispatcher/attempt-results.js`,
        before: 'applyAck(standing, outcome.ack, now)',
        after: 'applyAck(standing, 1, now)',
      },
    ],
    scenario: scenarios.noAcks,
    caughtBy: ['I3'],
  },
  {
    name: 'never gives up on an unknown fate',
    patches: [
      {
        file: `${MESSAGES}/dispatcher/sweep-repository.js`,
        before: `status: 'unknown_final', endedAt: now`,
        after: `status: 'unknown', endedAt: now`,
      },
    ],
    scenario: scenarios.noAcks,
    caughtBy: ['I1'],
  },
  {
    name: 'forgets the messages that were never acknowledged',
    patches: [
      {
        file: `${MESSAGES}/dispatcher/sweep-repository.js`,
        before: `m.status = 'sending' AND a.outcome = 'handed'`,
        after: `m.status = 'sending' AND a.outcome = 'lost'`,
      },
    ],
    scenario: scenarios.noAcks,
    caughtBy: ['I1'],
  },
  {
    name: 'answers 202 before the commit',
    patches: [
      {
        file: `${MESSAGES}/accept/accept-queue.js`,
        before: 'async write(batch) {',
        after: 'async write(batch) { settle(batch, []);',
      },
    ],
    scenario: scenarios.crashDatabaseUnderLoad,
    caughtBy: ['I1'],
  },
  {
    name: 'says that nothing was accepted after the commit',
    patches: [
      {
        file: `${MESSAGES}/accept/accept-queue.js`,
        before: 'settle(batch, refused);\n            this.wake(batch);',
        after: 'this.wake(batch); for (const { reject } of batch) reject(tooSlow());',
      },
    ],
    scenario: scenarios.plainSends,
    caughtBy: ['I1'],
  },
  {
    name: 'does not look whether a key was used',
    patches: [
      {
        file: `${MESSAGES}/accept/accept-repository.js`,
        before: 'key: ',
        after: 'key: null && ',
      },
    ],
    scenario: scenarios.sameKeys,
    caughtBy: ['I4'],
  },
  {
    name: 'answers another request under the same key',
    patches: [
      {
        function: 'wagate_accept_messages',
        before: `k.request_hash <> decode(part.hash, 'hex')`,
        after: 'false',
      },
    ],
    scenario: scenarios.sameKeys,
    caughtBy: ['I4'],
  },
  {
    name: 'lets acks lower the status',
    patches: [
      {
        file: `${MESSAGES}/message-progress.js`,
        before: 'if (target > rung)',
        after: 'if (target !== rung)',
      },
    ],
    scenario: scenarios.shuffledAcks,
    caughtBy: ['I7'],
  },
  {
    name: 'does not look at the expiry',
    patches: [
      {
        function: 'wagate_claim_due_messages',
        before: '(q.expires_at IS NULL OR q.expires_at > now())',
        after: 'true',
      },
      {
        function: 'wagate_due_messages',
        before: '(f.expires_at IS NULL OR f.expires_at > now())',
        after: 'true',
      },
      {
        file: `${MESSAGES}/dispatcher/sweep-repository.js`,
        before: `m.status = 'queued' AND m.expires_at <= now()`,
        after: `m.status = 'queued' AND m.expires_at <= now() - interval '1 h'`,
      },
      {
        file: `${MESSAGES}/dispatcher/session-lane.js`,
        before: 'message.expiresAt.getTime() <= Date.now()',
        after: 'message.expiresAt.getTime() <= 0',
      },
    ],
    scenario: scenarios.expiries,
    caughtBy: ['I12'],
  },
  {
    name: 'sends the newest first',
    patches: [
      {
        function: 'wagate_due_messages',
        before: 'q.priority DESC, q.id',
        after: 'q.priority DESC, q.id DESC',
      },
      {
        function: 'wagate_claim_due_messages',
        before: 'ORDER BY priority DESC, id)',
        after: 'ORDER BY priority DESC, id DESC)',
      },
    ],
    scenario: scenarios.queueOfOneChat,
    caughtBy: ['I5'],
  },
  {
    name: 'lets a chat go on while its first message is tried again',
    patches: [
      {
        function: 'wagate_claim_due_messages',
        before: `status = 'queued' AND claims > 0 AND due_at > now()`,
        after: `status = 'queued' AND claims < 0 AND due_at > now()`,
      },
      {
        file: `${MESSAGES}/dispatcher/session-lane.js`,
        before: 'this.disturbed.has(message.chatId)',
        after: 'false',
      },
    ],
    scenario: scenarios.retriesInOneChat,
    caughtBy: ['I5'],
  },
  {
    name: 'cancels what is on its way',
    patches: [
      {
        file: `${MESSAGES}/message-repository.js`,
        before: `m.status = 'queued' RETURNING`,
        after: `m.status IN ('queued', 'sending', 'sent') RETURNING`,
      },
    ],
    scenario: scenarios.cancellations,
    caughtBy: ['I12', 'I7'],
  },
  {
    name: 'cuts texts off',
    patches: [
      {
        file: 'apps/session-node/src/drivers/webjs/send-desk.js',
        before: 'rawOrder(order, content.text, null',
        after: 'rawOrder(order, content.text.slice(0, 9), null',
      },
    ],
    scenario: scenarios.plainSends,
    caughtBy: ['I3'],
  },
  {
    name: 'lets a revoked key in',
    patches: [
      {
        file: 'apps/api/src/auth/key-cache.js',
        before: 'entry.untilMs <= this.clock.monotonicMs()',
        after: 'false',
      },
      { file: 'apps/api/src/auth/key-cache.js', before: 'this.entries.delete(changed)', after: 'undefined' },
    ],
    scenario: scenarios.revokedKey,
    caughtBy: ['I12'],
  },
];
