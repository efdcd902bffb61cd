import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '#kernel';
import { waitFor } from '../../../test/support/index.js';
import { migratedDatabase, type MigratedDatabase } from '../../../test/support/migrated-database.js';
import { TcpRelay } from '../../../test/support/tcp-relay.js';
import type { TestTenant } from '../../../test/support/start-api.js';
import { AcceptRepository } from '../src/messages/accept/accept-repository.js';
import type { MessageResource } from '../src/messages/message-resource.js';
import { ALEX, handed, Messaging, statusOf } from './messaging.js';
import type { SessionBody } from './session-bodies.js';

let own: MigratedDatabase;
let owner: pg.Client;
let relay: TcpRelay;
let messaging: Messaging;
let tenant: TestTenant;
let session: SessionBody;

beforeAll(async () => {
  own = await migratedDatabase();
  owner = new pg.Client(own.url);
  await owner.connect();
  const appUrl = new URL(own.appUrl);
  relay = await TcpRelay.start(Number(appUrl.port));
  appUrl.port = String(relay.port);
  messaging = await Messaging.start({ DATABASE_URL: appUrl.href, DATABASE_OWNER_URL: own.url });
  messaging.node.scripts['message.send'] = (request) => handed(request, 1);
  messaging.node.scripts['message.lookup'] = () => ({ found: [], neverStarted: [] });
  ({ tenant, session } = await messaging.connect());
  await owner.query(
    `CREATE FUNCTION test_slow_commit() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(1.5); RETURN NULL; END'`,
  );
});

afterAll(async () => {
  await messaging?.close();
  await relay?.stop();
  await owner?.end();
  await own?.drop();
});

/**
 * Runs `work`, whose first insert into `table` has a commit that takes its time, and breaks every connection while the
 * server is at it: the commit succeeds, and its answer is lost.
 */
async function loseCommitOf<T>(table: string, work: () => Promise<T>): Promise<T> {
  await owner.query(`CREATE CONSTRAINT TRIGGER slow_commit AFTER INSERT ON ${table} DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION test_slow_commit()`);
  try {
    const done = work();
    const isCommitting = async () => {
      const { rowCount } = await owner.query(
        `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'`,
      );
      return (rowCount ?? 0) > 0;
    };
    await waitFor(isCommitting, { what: 'the commit to begin' });
    relay.cut();
    relay.mend();
    return await done;
  } finally {
    await owner.query(`DROP TRIGGER slow_commit ON ${table}`);
  }
}

const text = { to: ALEX, type: 'text', text: 'Hi' };
const sendsOf = (id: string) =>
  messaging.node.callsOf('message.send').filter((call) => call.messageId === id);

describe('a commit whose answer is lost', () => {
  it('of an accept is never answered as if nothing had been accepted', async () => {
    const key = { 'idempotency-key': 'a lost commit' };
    const accepted = await loseCommitOf('messages', () =>
      tenant.client.post<MessageResource>('/messages', text, key),
    );
    expect(accepted.status).toBe(202);
    const again = await tenant.client.post<MessageResource>('/messages', text, key);
    expect(again.body).toEqual(accepted.body);
    await statusOf(tenant, accepted.body.id, 'sent');
    expect(sendsOf(accepted.body.id)).toHaveLength(1);
  });

  it('of an accept is looked for by its rows: after a crash the server gives the number of what it lost to others', async () => {
    const repository = messaging.api.app.get(AcceptRepository, { strict: false });
    const { tenantId } = tenant;
    const { body } = await tenant.client.post<MessageResource>('/messages', text);
    const [there, lost] = [[{ tenantId, id: body.id }], [{ tenantId, id: newId('msg') }]];
    const numberOf = async () =>
      (await owner.query<{ id: string }>('SELECT pg_current_xact_id()::text AS id')).rows[0]!.id;

    const committed = await numberOf();
    expect(await repository.fateOf(committed, lost)).toBe('aborted');
    expect(await repository.fateOf(committed, there)).toBe('committed');

    await owner.query('BEGIN');
    const open = await numberOf();
    expect(await repository.fateOf(open, lost)).toBe('in progress');
    await owner.query('ROLLBACK');
    expect(await repository.fateOf(open, lost)).toBe('aborted');
  });

  it('of a claim leaves nothing behind: what was claimed goes back, and is handed over once', async () => {
    const id = await loseCommitOf('message_attempts', async () => {
      const accepted = await tenant.client.post<MessageResource>('/messages', text);
      return accepted.body.id;
    });
    const sent = await statusOf(tenant, id, 'sent');
    expect(sent.attempts).toBe(1);
    expect(sendsOf(id)).toHaveLength(1);
    const { rows } = await owner.query<{ open: number }>(
      `SELECT count(*)::int AS open FROM message_attempts WHERE session_id = $1 AND ended_at IS NULL`,
      [session.id],
    );
    expect(rows).toEqual([{ open: 0 }]);
  });
});

describe('a database that stands still', () => {
  it('lets nobody wait for long: what it did not begin is refused, and nothing of it is there afterwards', async () => {
    const count = async () => {
      const { rows } = await owner.query<{ count: number }>('SELECT count(*)::int AS count FROM messages');
      return rows[0]?.count;
    };
    const before = await count();
    await owner.query('BEGIN; LOCK TABLE messages IN ACCESS EXCLUSIVE MODE');
    // Eight batches, two at a time, each of which waits five seconds for its locks.
    const answers = await Promise.all(
      Array.from({ length: 500 }, () => tenant.client.post<{ detail: string }>('/messages', text)),
    ).finally(() => owner.query('ROLLBACK'));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503]));
    const details = new Set(answers.map(({ body }) => body.detail));
    expect(details).toContain('too many requests are waiting for the database; try again');
    expect(details).not.toContain('the database is not available; try again');
    expect(await count()).toBe(before);
    const later = await tenant.client.post<MessageResource>('/messages', text);
    await statusOf(tenant, later.body.id, 'sent');
  });
});
