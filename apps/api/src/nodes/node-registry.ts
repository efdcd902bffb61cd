import { Inject, Injectable } from '@nestjs/common';
import type { Heartbeat } from '#contracts';
import { Database, type Query } from '#database';
import { AppError, Clock } from '#kernel';
import { API_CONFIG, type ApiConfig } from '../config.js';

/** A node as its newest heartbeat described it. */
export interface RegisteredNode {
  name: string;
  url: string;
  capacity: number;
  bootId: string;
  sandbox: boolean;
  sessionCount: number;
  lastSeenAt: Date;
  /** Time since its newest heartbeat, by the database's clock. */
  silentMs: number;
}

/** Sessions are placed only on nodes that were heard within this time. */
export const NODE_FRESH_MS = 20_000;
/** Sessions of a node that was silent this long are shown as interrupted. */
export const NODE_LOST_MS = 30_000;
/** How old the remembered nodes may be before they are read again. */
const REMEMBER_MS = 1_000;

const COLUMNS = `name, url, capacity, boot_id AS "bootId", sandbox, session_count AS "sessionCount",
  last_seen_at AS "lastSeenAt", (extract(epoch FROM now() - last_seen_at) * 1000)::float8 AS "silentMs"`;

/** Which nodes there are and when each was heard. Nodes register themselves by their heartbeats. */
@Injectable()
export class NodeRegistry {
  private nodes = new Map<string, RegisteredNode>();
  private readAtMs = Number.NEGATIVE_INFINITY;
  private reading: Promise<void> | undefined;

  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    @Inject(API_CONFIG) private readonly config: Pick<ApiConfig, 'SESSION_NODE_URL'>,
  ) {}

  /** Every node, by name; at most a second old. */
  async list(): Promise<RegisteredNode[]> {
    await this.refresh();
    const sinceMs = this.clock.monotonicMs() - this.readAtMs;
    return [...this.nodes.values()].map((node) => ({ ...node, silentMs: node.silentMs + sinceMs }));
  }

  async find(name: string): Promise<RegisteredNode | undefined> {
    return (await this.list()).find((node) => node.name === name);
  }

  /** Throws AppError `node_unavailable` for a node that never registered. */
  async get(name: string): Promise<RegisteredNode> {
    const node = (await this.find(name)) ?? (await this.findAnew(name));
    if (!node) {
      throw new AppError('node_unavailable', 'the node that runs this session is not registered', {
        outcome: 'not_sent',
        retryAfterSeconds: 5,
      });
    }
    return node;
  }

  /** Names of the nodes that may be given sessions. */
  async listFresh(): Promise<RegisteredNode[]> {
    return (await this.list()).filter((node) => node.silentMs < NODE_FRESH_MS);
  }

  /**
   * Writes what a heartbeat says of its node. Where a node runs behind SESSION_NODE_URL, that is its address, whatever
   * it calls itself, as long as no other node has it.
   */
  async record(query: Query, heartbeat: Heartbeat): Promise<{ isNewBoot: boolean }> {
    const [row] = await query<{ bootBefore: string | null }>(
      {
        name: 'node_record',
        text: `WITH before AS (SELECT boot_id FROM nodes WHERE name = $1)
          INSERT INTO nodes AS n (name, url, capacity, boot_id, sandbox, session_count, last_seen_at)
          VALUES ($1, CASE WHEN $7::text IS NOT NULL AND NOT EXISTS (SELECT FROM nodes o WHERE o.url = $7 AND o.name <> $1)
            THEN $7 ELSE $2 END, $3, $4, $5, $6, now())
          ON CONFLICT (name) DO UPDATE SET url = excluded.url, capacity = excluded.capacity, boot_id = excluded.boot_id,
            sandbox = excluded.sandbox, session_count = excluded.session_count, last_seen_at = now()
          RETURNING (SELECT boot_id FROM before) AS "bootBefore"`,
      },
      [
        heartbeat.name,
        heartbeat.url,
        heartbeat.capacity,
        heartbeat.bootId,
        heartbeat.sandbox,
        heartbeat.sessions.length,
        this.config.SESSION_NODE_URL ?? null,
      ],
    );
    return { isNewBoot: row?.bootBefore !== heartbeat.bootId };
  }

  /** What is remembered is out of date: a node was heard. */
  forget(): void {
    this.readAtMs = Number.NEGATIVE_INFINITY;
  }

  private async findAnew(name: string): Promise<RegisteredNode | undefined> {
    this.forget();
    return this.find(name);
  }

  private async refresh(): Promise<void> {
    if (this.clock.monotonicMs() - this.readAtMs < REMEMBER_MS) return;
    this.reading ??= this.read().finally(() => (this.reading = undefined));
    await this.reading;
  }

  private async read(): Promise<void> {
    const rows = await this.database.workerSql((query) =>
      query<RegisteredNode>({ name: 'node_list', text: `SELECT ${COLUMNS} FROM nodes ORDER BY name` }),
    );
    this.nodes = new Map(rows.map((node) => [node.name, node]));
    this.readAtMs = this.clock.monotonicMs();
  }
}
