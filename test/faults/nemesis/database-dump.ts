import pg from 'pg';
import type { AttemptRecord, EventRecord, MediaRecord, MessageRecord } from '../history/history.js';

const QUERY_TIMEOUT_MS = 60_000;

export interface DatabaseDump {
  tenants: { id: string; name: string }[];
  messages: MessageRecord[];
  attempts: AttemptRecord[];
  media: MediaRecord[];
  events: EventRecord[];
}

const MESSAGES = `SELECT tenant_id AS "tenantId", id, session_id AS "sessionId", direction, origin,
    chat_wa_id AS "chatId", type, coalesce(content ->> 'text', content ->> 'caption') AS text, media_id AS "mediaId",
    status, ack, error_code AS "errorCode", wa_message_id AS "waMessageId", client_ref AS "clientRef", priority,
    (extract(epoch FROM expires_at) * 1000)::float8 AS "expiresAtMs",
    (extract(epoch FROM created_at) * 1000)::float8 AS "createdAtMs",
    (extract(epoch FROM occurred_at) * 1000)::float8 AS "occurredAtMs"
  FROM messages ORDER BY id`;
const ATTEMPTS = `SELECT tenant_id AS "tenantId", message_id AS "messageId", number, wa_message_id AS "waMessageId",
    outcome, reason, (extract(epoch FROM started_at) * 1000)::float8 AS "startedAtMs"
  FROM message_attempts ORDER BY message_id, number`;
const MEDIA = `SELECT tenant_id AS "tenantId", id, source, state, sha256, error FROM media ORDER BY id`;
const EVENTS = `SELECT tenant_id AS "tenantId", id, seq::int AS seq, type, session_id AS "sessionId",
    data ->> 'messageId' AS "messageId", data ->> 'status' AS status
  FROM events ORDER BY tenant_id, seq NULLS LAST, position`;
const OPEN = `SELECT
    (SELECT count(*)::int FROM messages WHERE origin = 'api' AND status IN ('queued', 'sending', 'unknown')) AS open,
    (SELECT count(*)::int FROM messages WHERE direction = 'in') AS received,
    (SELECT count(*)::int FROM media WHERE state = 'pending') AS files,
    (SELECT count(*)::int FROM events WHERE seq IS NULL) AS unnumbered`;

export interface OpenWork {
  open: number;
  received: number;
  files: number;
  unnumbered: number;
}

/** Looks into the database as the workers' role, past every cache of the processes. */
export class DatabaseDumper {
  constructor(private readonly url: string) {}

  dump(): Promise<DatabaseDump> {
    return this.asWorker(async (query) => ({
      tenants: await query<{ id: string; name: string }>('SELECT id, name FROM tenants'),
      messages: await query<MessageRecord>(MESSAGES),
      attempts: await query<AttemptRecord>(ATTEMPTS),
      media: await query<MediaRecord>(MEDIA),
      events: await query<EventRecord>(EVENTS),
    }));
  }

  async openWork(): Promise<OpenWork> {
    const [row] = await this.asWorker((query) => query<OpenWork>(OPEN));
    if (!row) throw new Error('the database did not answer');
    return row;
  }

  /** Ends every connection of the processes, as a failing network does. */
  async dropConnections(): Promise<number> {
    const client = await this.connect();
    try {
      const { rowCount } = await client.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND usename = 'wagate_app' AND pid <> pg_backend_pid()`,
      );
      return rowCount ?? 0;
    } finally {
      await client.end();
    }
  }

  /**
   * Puts another text into a function, wherever the one stands.
   * @throws Error when it does not stand there: the function has changed, and the patch with it
   */
  async patchFunction(name: string, before: string, after: string): Promise<void> {
    const client = await this.connect();
    try {
      const { rows } = await client.query<{ text: string }>(
        'SELECT pg_get_functiondef(oid) AS text FROM pg_proc WHERE proname = $1',
        [name],
      );
      const [definition] = rows;
      if (rows.length !== 1 || !definition?.text.includes(before)) {
        throw new Error(`the function ${name} does not hold what is to be replaced: ${before}`);
      }
      await client.query(definition.text.replaceAll(before, () => after));
    } finally {
      await client.end();
    }
  }

  async execute(sql: string): Promise<void> {
    const client = await this.connect();
    try {
      await client.query(sql);
    } finally {
      await client.end();
    }
  }

  private async asWorker<T>(work: (query: <R>(sql: string) => Promise<R[]>) => Promise<T>): Promise<T> {
    const client = await this.connect();
    try {
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
      await client.query('SET LOCAL ROLE wagate_worker');
      return await work(async <R>(sql: string) => (await client.query(sql)).rows as R[]);
    } finally {
      await client.end();
    }
  }

  private async connect(): Promise<pg.Client> {
    const client = new pg.Client({
      connectionString: this.url,
      connectionTimeoutMillis: 10_000,
      query_timeout: QUERY_TIMEOUT_MS,
    });
    // A connection that breaks fails its query; without a listener it would end the run.
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }
}
