import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { MessageResource } from '../src/messages/message-resource.js';
import { ALEX, Messaging, statusOf } from './messaging.js';

let messaging: Messaging;
let owner: pg.Client;

beforeAll(async () => {
  messaging = await Messaging.start();
  owner = new pg.Client({ connectionString: messaging.api.config.DATABASE_OWNER_URL });
  await owner.connect();
});
afterAll(async () => {
  await owner?.end();
  await messaging?.close();
});

/** Replaces what says which policy a session has, without which nothing says what held its messages back. */
async function policyIs(body: string): Promise<void> {
  await owner.query(`CREATE OR REPLACE FUNCTION wagate_pacing_of(own jsonb, session_mode text, fallback jsonb)
    RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN ${body}; RETURN NULL; END $$`);
}

it.each([
  ['fails', `RAISE EXCEPTION 'broken by the test'`],
  ['takes longer than a statement may', 'PERFORM pg_sleep(60)'],
])('expires messages also when the look at what held them back %s', async (_, body) => {
  const { tenant, session } = await messaging.connect();
  await tenant.client.post(`/sessions/${session.id}/pause`);
  const sent = await tenant.client.post<MessageResource>('/messages', { to: ALEX, type: 'text', text: 'Hi' });
  const { id } = sent.body;
  await policyIs(body);
  await messaging.api.database.workerSql((query) =>
    query('UPDATE messages SET expires_at = now() WHERE id = $1', [id]),
  );
  const { error } = await statusOf(tenant, id, 'expired');
  expect(error?.code).toBe('expired');
  expect(error?.message).not.toBe('');
  const warning = 'what held back messages that expire could not be told';
  expect(messaging.api.logged.filter(({ msg }) => msg === warning)).not.toHaveLength(0);
});
