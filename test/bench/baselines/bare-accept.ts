/**
 * The least a durable accept can be: Fastify, pg, one transaction that inserts a message and its idempotency key,
 * 202. No authentication, no rate limit, no tenants, no queue. A process of its own; DATABASE_URL, and BARE_ROUND_TRIPS:
 * `1` (both rows by one statement, the least possible) or `4` (BEGIN, two inserts, COMMIT).
 */
import { createHash, randomBytes } from 'node:crypto';
import fastify from 'fastify';
import pg from 'pg';

const SCHEMA = `
CREATE TABLE bare_messages (
  tenant_id text NOT NULL, id text NOT NULL, session_id text NOT NULL, direction text NOT NULL,
  origin text NOT NULL, chat_wa_id text NOT NULL, type text NOT NULL, content jsonb NOT NULL,
  status text NOT NULL, due_at timestamptz NOT NULL DEFAULT now(), occurred_at timestamptz NOT NULL DEFAULT now(),
  created_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (tenant_id, id));
CREATE TABLE bare_idempotency_keys (
  tenant_id text NOT NULL, operation text NOT NULL, key text NOT NULL, request_hash bytea NOT NULL,
  response_status smallint, response_body text, resource_id text, created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, operation, key));`;

const MESSAGE = `INSERT INTO bare_messages
    (tenant_id, id, session_id, direction, origin, chat_wa_id, type, content, status)
    VALUES ($1, $2, $3, 'out', 'api', $4, $5, $6, 'queued')`;
const KEY = `INSERT INTO bare_idempotency_keys
    (tenant_id, operation, key, request_hash, response_status, response_body, resource_id)`;
const INSERT_MESSAGE = { name: 'message', text: MESSAGE };
const INSERT_KEY = { name: 'key', text: `${KEY} VALUES ($1, 'messages.send', $2, $3, 202, $4, $5)` };
const INSERT_BOTH = {
  name: 'both',
  text: `WITH message AS (${MESSAGE}) ${KEY} VALUES ($1, 'messages.send', $7, $8, 202, $9, $2)`,
};

interface MessageBody {
  session: string;
  to: string;
  type: string;
  text: string;
}

const bodySchema = {
  type: 'object',
  required: ['session', 'to', 'type', 'text'],
  additionalProperties: false,
  properties: {
    session: { type: 'string' },
    to: { type: 'string' },
    type: { type: 'string' },
    text: { type: 'string' },
  },
};

const TENANT = 'tnt_0000000000000000000000';
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 20 });
const app = fastify();

async function insert(body: MessageBody, key: string): Promise<string> {
  const id = `msg_${randomBytes(13).toString('hex')}`;
  const content = JSON.stringify({ type: body.type, text: body.text });
  const hash = createHash('sha256').update(JSON.stringify(body)).digest();
  const answer = JSON.stringify({ id, status: 'queued', ...body });
  const message = [TENANT, id, body.session, `${body.to}@c.us`, body.type, content];
  if (process.env.BARE_ROUND_TRIPS === '1') {
    await pool.query({ ...INSERT_BOTH, values: [...message, key, hash, answer] });
    return answer;
  }
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await client.query({ ...INSERT_MESSAGE, values: message });
    await client.query({ ...INSERT_KEY, values: [TENANT, key, hash, answer, id] });
    await client.query('COMMIT');
  } finally {
    client.release();
  }
  return answer;
}

app.post<{ Body: MessageBody }>(
  '/api/v1/messages',
  { schema: { body: bodySchema } },
  async (request, reply) => {
    const answer = await insert(request.body, String(request.headers['idempotency-key']));
    return reply.code(202).type('application/json').send(answer);
  },
);

await pool.query(SCHEMA);
await app.listen({ port: 0, host: '127.0.0.1' });
process.send?.({ port: app.addresses()[0]?.port });
process.once('disconnect', () => process.exit(0));
