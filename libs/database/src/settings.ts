export interface DatabaseSettings {
  /** `postgres://wagate_app:…@host:port/database`: the role that serves requests. */
  url: string;
  /** Connections of this process, 20 unless told; one more is used to listen. */
  poolSize?: number;
  /** A statement that runs longer is cancelled by the server; 10 s unless told. */
  statementTimeoutMs?: number;
  /** Longest wait for a row or table lock; 5 s unless told. */
  lockTimeoutMs?: number;
  /** Longest wait for a connection, a new one or a free one of the pool; 5 s unless told. */
  connectTimeoutMs?: number;
  /** Shown in pg_stat_activity. */
  applicationName?: string;
  /** Gets one line when notifications are no longer heard, with the reason, and one when they are again. */
  notice?: (message: string, error?: unknown) => void;
}

/** The role of the app: owns nothing, bypasses nothing. */
export const APP_ROLE = 'wagate_app';
/** The role a worker steps into to see rows of every tenant; nobody logs in as it. */
export const WORKER_ROLE = 'wagate_worker';

/**
 * How soon the server gives up a client that vanished without a word (power cut, partition): 10 s + 3 × 5 s of silence.
 * What a process had begun is free for others when its connections end, and the system's own limit is over two hours.
 * Ignored on Unix sockets (postgresql.org/docs/current/runtime-config-connection.html).
 */
const SERVER_KEEPALIVE = {
  tcp_keepalives_idle: '10',
  tcp_keepalives_interval: '5',
  tcp_keepalives_count: '3',
  tcp_user_timeout: '25000',
};

/**
 * Every statement of the app is meant to go by an index, row by row. While a table is young and has no statistics,
 * Postgres would rather read it whole, and keeps the plan of a prepared statement while the table grows. And where it
 * takes what fits for few, it would read all of that and sort it, instead of the newest by the index that has them in
 * order: of a tenant, one of its sessions and a chat in that, it thinks as if they had nothing to do with each other.
 */
const PLANNER = {
  enable_seqscan: 'off',
  enable_bitmapscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  max_parallel_workers_per_gather: '0',
  jit: 'off',
};

/** Settings of a pg connection that serves requests; every wait has an end, also when the server is frozen. */
export function connectionConfig(settings: DatabaseSettings) {
  const statementTimeoutMs = settings.statementTimeoutMs ?? 10_000;
  return {
    connectionString: settings.url,
    application_name: settings.applicationName ?? 'wagate',
    statement_timeout: statementTimeoutMs,
    lock_timeout: settings.lockTimeoutMs ?? 5_000,
    idle_in_transaction_session_timeout: 3 * statementTimeoutMs,
    query_timeout: statementTimeoutMs + 5_000,
    connectionTimeoutMillis: settings.connectTimeoutMs ?? 5_000,
    keepAlive: true,
    options: Object.entries({ ...SERVER_KEEPALIVE, ...PLANNER })
      .map(([name, value]) => `-c ${name}=${value}`)
      .join(' '),
  };
}
