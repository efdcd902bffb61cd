import { setTimeout as delay } from 'node:timers/promises';
import type { Database, Query } from '#database';
import { isAppError, type Clock } from '#kernel';
import type { MediaStore } from '#media-store';
import { ObjectCleaner, type NotedObject } from './object-cleaner.js';
import { NOTHING, plus, type Removed } from './removed.js';
import {
  RetentionRepository,
  type Batch,
  type RetentionDays,
  type TenantRetention,
} from './retention-repository.js';

const TURN = `SELECT pg_try_advisory_xact_lock(hashtextextended('wagate retention', 0)) AS "isOurs"`;
const TURN_POLL_MS = 100;
/** So many batches in a row of which not one object could be removed: the store is away. */
const MOST_FAILED_BATCHES = 5;
/** SQLSTATEs of one batch that takes too long or waits too long, while the database is there. */
const BATCH_STATE = /^(57014|55P03|40001|40P01)$/;

export interface CleanerSettings {
  /** For tenants without figures of their own. */
  defaults: RetentionDays;
}

export interface CleanOptions {
  /** How long to wait while another process is at it; 0: leave it to that one. */
  turnTimeoutMs: number;
  /** Ends it between two batches. */
  signal?: AbortSignal;
  /** Told of each batch that removed something, when it is committed. */
  onRemoved?: (removed: Partial<Removed>) => void;
  /** Told of each tenant whose rows could not be removed, while it goes on with the others; then `clean` resolves. */
  onFailed?: (tenantId: string, error: unknown) => void;
}

/** Runs one batch in its turn, and counts what it removed. */
type Run = <T extends { removed: Partial<Removed> }>(batch: (query: Query) => Promise<T>) => Promise<T>;

/** Another process is cleaning. */
export class CleanerBusy extends Error {
  override readonly name = 'CleanerBusy';
}

/**
 * Removes what is kept no longer: old messages and files, then their objects, then objects that no file needs. In small
 * batches, each a transaction under one advisory lock, so that one process at a time is at it. Whatever it is
 * interrupted at, the next one goes on: rows leave word of their objects, and removing an object twice does no harm.
 */
export class RetentionCleaner {
  private readonly rows: RetentionRepository;
  private readonly objects: ObjectCleaner;

  constructor(
    private readonly database: Database,
    store: MediaStore,
    private readonly settings: CleanerSettings,
    clock: Clock,
  ) {
    this.rows = new RetentionRepository(clock);
    this.objects = new ObjectCleaner(store, clock);
  }

  /**
   * Removes all there is to remove; what fails of one tenant does not hold back the others.
   * @throws CleanerBusy; AppError `service_unavailable`, MediaStoreError; what failed of a tenant, unless `onFailed` is told
   */
  async clean(options: CleanOptions): Promise<Removed> {
    let total = NOTHING;
    const run: Run = async (batch) => {
      const done = await this.inTurn(batch, options);
      total = plus(total, done.removed);
      options.onRemoved?.(done.removed);
      return done;
    };
    const failures: unknown[] = [];
    for (const tenant of await this.tenants()) {
      for (const step of ['removeMessages', 'removeMedia'] as const) {
        try {
          await this.walk((after) => run((query) => this.rows[step](query, tenant, after)), options);
        } catch (error) {
          if (error instanceof CleanerBusy || isOutage(error)) throw error;
          if (options.onFailed) options.onFailed(tenant.tenantId, error);
          else failures.push(error);
        }
      }
    }
    await this.removeNoted(run, options);
    for (let isDone = isStopped(options); !isDone;) {
      ({ isDone } = await run((query) => this.objects.sweep(query)));
      isDone ||= isStopped(options);
    }
    if (failures.length > 0) throw failures[0];
    return total;
  }

  /** Each once: one that cannot be removed does not hold back those behind it. */
  private async removeNoted(run: Run, options: CleanOptions): Promise<void> {
    let after: NotedObject = { tenantId: '', key: '' };
    for (let failed = 0; failed < MOST_FAILED_BATCHES && !isStopped(options);) {
      const from = after;
      const { isDone, last, hasFailed } = await run((query) => this.objects.removeNoted(query, from));
      if (isDone) return;
      failed = hasFailed ? failed + 1 : 0;
      after = last;
    }
  }

  /** What `clean` would remove, but for uploads that were left; changes nothing. */
  async count(): Promise<Removed> {
    let total = NOTHING;
    const add = async (work: (query: Query) => Promise<Partial<Removed>>) => {
      total = plus(total, await this.database.workerSql(work));
    };
    for (const tenant of await this.tenants()) await add((query) => this.rows.count(query, tenant));
    await add((query) => this.objects.countNoted(query));
    for (let after: string | undefined = ''; after !== undefined;) {
      const from: string = after;
      const page = await this.database.workerSql((query) => this.objects.countOrphans(query, from));
      total = plus(total, page.removed);
      after = page.isDone ? undefined : page.last;
    }
    return total;
  }

  private tenants(): Promise<TenantRetention[]> {
    return this.database.workerSql((query) => this.rows.listTenants(query, this.settings.defaults));
  }

  private async walk(batch: (after: string) => Promise<Batch>, options: CleanOptions): Promise<void> {
    let next: string | undefined = '';
    while (next !== undefined && !isStopped(options)) ({ next } = await batch(next));
  }

  private async inTurn<T>(work: (query: Query) => Promise<T>, options: CleanOptions): Promise<T> {
    const deadlineMs = performance.now() + options.turnTimeoutMs;
    for (;;) {
      const done = await this.database.workerSql(async (query) => {
        const [turn] = await query<{ isOurs: boolean }>(TURN);
        return turn?.isOurs ? { result: await work(query) } : undefined;
      });
      if (done) return done.result;
      if (performance.now() >= deadlineMs) throw new CleanerBusy('another process is cleaning');
      await delay(TURN_POLL_MS);
    }
  }
}

function isStopped({ signal }: CleanOptions): boolean {
  return signal?.aborted ?? false;
}

/** The database is away, for all tenants. */
function isOutage(error: unknown): boolean {
  if (!isAppError(error)) return false;
  const { cause } = error;
  return !(cause instanceof Error && 'code' in cause && BATCH_STATE.test(String(cause.code)));
}
