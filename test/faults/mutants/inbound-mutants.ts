import type { CodeMutant } from './mutant.js';
import * as scenarios from './scenarios.js';

const RECORDER = 'apps/api/src/messages/recorder';

/** Bugs on the way in, in the event log, and between tenants. */
export const INBOUND_MUTANTS: CodeMutant[] = [
  {
    name: 'forgets facts before the api has taken them',
    patches: [
      {
        file: 'apps/session-node/src/protocol/event-outbox.js',
        before: 'await this.waitBeforeRetry(error);',
        after: 'this.settle(batch, new Set());',
      },
    ],
    scenario: scenarios.inboundWithoutApi,
    caughtBy: ['I6'],
  },
  {
    name: 'records again what it knows',
    patches: [
      {
        file: `${RECORDER}/message-recorder.js`,
        before: 'const stored = known.match(message);',
        after: 'const stored = message.fromMe ? known.match(message) : undefined;',
      },
      {
        file: `${RECORDER}/recorded-messages.js`,
        before: 'ON CONFLICT (tenant_id, session_id, wa_key) WHERE wa_key IS NOT NULL DO NOTHING',
        after: '',
      },
    ],
    sql: 'DROP INDEX messages_wa_key',
    scenario: scenarios.inboundUnderKills,
    caughtBy: ['I6'],
  },
  {
    name: 'drops edits',
    patches: [
      {
        file: `${RECORDER}/message-recorder.js`,
        before: 'function isChange(fact) {',
        after: `function isChange(fact) { if (fact.kind === 'message.edit') return false;`,
      },
    ],
    scenario: scenarios.edits,
    caughtBy: ['I6'],
  },
  {
    name: 'records without an event',
    patches: [
      {
        file: `${RECORDER}/message-recorder.js`,
        before: 'fresh.map((draft) => arrivalEvent(session, draft))',
        after: 'fresh.slice(1).map((draft) => arrivalEvent(session, draft))',
      },
    ],
    scenario: scenarios.twoTenants,
    caughtBy: ['I6'],
  },
  {
    name: 'writes each event twice',
    patches: [
      {
        file: 'apps/api/src/events/event-log.js',
        before: 'const rows = events.map(',
        after: 'const rows = [...events, ...events].map(',
      },
    ],
    scenario: scenarios.twoTenants,
    caughtBy: ['I6', 'I7'],
  },
  {
    name: 'numbers events by a bare sequence',
    patches: [{ function: 'wagate_number_events', before: 'base + placed.place', after: 'e.position' }],
    scenario: scenarios.twoTenants,
    caughtBy: ['I10'],
  },
  {
    name: 'never numbers the last events',
    patches: [
      {
        function: 'wagate_number_events',
        before: 'e.seq IS NULL ORDER BY e.position LIMIT most',
        after: 'e.seq IS NULL AND e.position % 5 <> 0 ORDER BY e.position LIMIT most',
      },
    ],
    scenario: scenarios.twoTenants,
    caughtBy: ['I10'],
  },
  {
    name: 'does not compare hashes',
    patches: [
      {
        file: 'apps/session-node/src/drivers/webjs/media-courier.js',
        before: 'promised !== null && promised !== sha256',
        after: 'false',
      },
      {
        file: 'apps/api/src/media/media-job.js',
        before: 'job.sha256 === null || job.sha256 === sha256',
        after: 'true',
      },
    ],
    scenario: scenarios.files,
    caughtBy: ['I11'],
  },
  {
    name: 'shows a message to every tenant',
    patches: [
      {
        file: 'apps/api/src/messages/message-repository.js',
        before: 'await this.read(auth, GET, [...visibility(auth), id])',
        after: `await this.database.workerSql((query) => query(
          \`\${MESSAGE_SELECT} WHERE $1::text IS NOT NULL AND \${VISIBLE} AND m.id = $4\`, [...visibility(auth), id]))`,
      },
    ],
    scenario: scenarios.twoTenants,
    caughtBy: ['I9'],
  },
];
