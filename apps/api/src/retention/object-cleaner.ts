import type { Query } from '#database';
import { withDeadline, type Clock } from '#kernel';
import type { ListedMedia, MediaStore } from '#media-store';
import type { Removed } from './removed.js';

/** Younger objects may still get their row. */
const ORPHAN_AGE_MS = 86_400_000;
const MOST_REMOVALS = 50;
const MOST_LISTED = 500;
/** Shorter than a transaction may rest. */
const REMOVE_TIMEOUT_MS = 20_000;
/** Keys that we make; what else lies in the bucket is not ours to remove. */
const OUR_KEY = /^t\/tnt_[0-9a-z]{26}\/(?:up|in)\/med_[0-9a-z]{26}$/;
const PREFIX = 't/';

const NEXT_REMOVALS = `SELECT tenant_id AS "tenantId", object_key AS key FROM media_removals
  WHERE (tenant_id, object_key) > ($1, $2) ORDER BY tenant_id, object_key LIMIT ${String(MOST_REMOVALS)}`;

const END_REMOVALS = {
  name: 'removals_end',
  text: `WITH gone AS (DELETE FROM media_removals r USING unnest($1::text[], $2::text[]) AS k (tenant_id, object_key)
      WHERE r.tenant_id = k.tenant_id AND r.object_key = k.object_key RETURNING r.bytes)
    SELECT count(*)::int AS objects, coalesce(sum(bytes), 0)::float8 AS bytes FROM gone`,
};

const COUNT_REMOVALS = `SELECT count(*)::int AS objects, coalesce(sum(bytes), 0)::float8 AS bytes FROM media_removals`;

/** A round begins a day after the last one ended; one under way goes on behind its marker. */
const SWEEP = `SELECT marker, finished_at > now() - interval '1 day' AS "isRecent" FROM object_sweeps WHERE name = 'media'`;
const SAVE_SWEEP = `INSERT INTO object_sweeps AS s (name, marker, finished_at) VALUES ('media', $1, $2)
  ON CONFLICT (name) DO UPDATE SET marker = excluded.marker, finished_at = excluded.finished_at,
    started_at = CASE WHEN s.marker IS NULL THEN now() ELSE s.started_at END`;

/**
 * Of some keys, those that no file needs. Files that were given up are locked, so that none of them is fetched again
 * while its old bytes are removed.
 */
const UNNEEDED = {
  name: 'objects_unneeded',
  text: `WITH listed AS (
      SELECT key, split_part(key, '/', 2) AS tenant, split_part(key, '/', 4) AS id FROM unnest($1::text[]) AS k (key)
    ), ended AS (
      SELECT d.object_key FROM listed l JOIN media d ON d.tenant_id = l.tenant AND d.id = l.id AND d.object_key = l.key
      WHERE d.state IN ('failed', 'expired') FOR UPDATE OF d
    )
    SELECT l.key FROM listed l WHERE l.key IN (SELECT object_key FROM ended)
      OR NOT EXISTS (SELECT FROM media d WHERE d.tenant_id = l.tenant AND d.id = l.id AND d.object_key = l.key)
        AND NOT EXISTS (SELECT FROM media_removals r WHERE r.tenant_id = l.tenant AND r.object_key = l.key)`,
};

export interface Swept {
  removed: Partial<Removed>;
  isDone: boolean;
}

/** An object that is to be removed, as a row left word of it. */
export interface NotedObject {
  tenantId: string;
  key: string;
}

export interface SweptNoted extends Swept {
  /** Where the next batch goes on. */
  last: NotedObject;
  /** Not one of a full batch could be removed. */
  hasFailed: boolean;
}

/** Removes objects: those whose rows are gone, and those that never came to have one. Each call is one small batch. */
export class ObjectCleaner {
  constructor(
    private readonly store: MediaStore,
    private readonly clock: Clock,
  ) {}

  /** Those that rows left word of, behind `after`. What fails stays noted. */
  async removeNoted(query: Query, after: NotedObject): Promise<SweptNoted> {
    const noted = await query<NotedObject & object>(NEXT_REMOVALS, [after.tenantId, after.key]);
    const gone = await this.remove(noted);
    const [counted] = await query<{ objects: number; bytes: number }>(END_REMOVALS, [
      gone.map(({ tenantId }) => tenantId),
      gone.map(({ key }) => key),
    ]);
    const isDone = noted.length < MOST_REMOVALS;
    return {
      removed: counted ?? {},
      isDone,
      last: noted.at(-1) ?? after,
      hasFailed: gone.length === 0 && !isDone,
    };
  }

  /** Goes on with the look at all objects, once a day. */
  async sweep(query: Query): Promise<Swept> {
    const [state] = await query<{ marker: string | null; isRecent: boolean | null }>(SWEEP);
    if (state?.isRecent && state.marker === null) return { removed: {}, isDone: true };
    const listed = await this.list(state?.marker ?? '');
    const orphans = await this.findOrphans(query, listed);
    const gone = await this.remove(orphans);
    const removed: Partial<Removed> = { orphans: gone.length, bytes: sum(gone) };
    const isDone = listed.length < MOST_LISTED;
    if (isDone) removed.uploads = await this.store.abortUploads(PREFIX, this.oldest());
    await query(SAVE_SWEEP, isDone ? [null, new Date()] : [listed.at(-1)?.key, null]);
    return { removed, isDone };
  }

  /** What `removeNoted` would remove. */
  async countNoted(query: Query): Promise<Partial<Removed>> {
    const [counted] = await query<{ objects: number; bytes: number }>(COUNT_REMOVALS);
    return counted ?? {};
  }

  /** What a whole sweep would remove, one page of it; `after` is where the last one ended. */
  async countOrphans(query: Query, after: string): Promise<Swept & { last: string }> {
    const listed = await this.list(after);
    const orphans = await this.findOrphans(query, listed);
    const removed = { orphans: orphans.length, bytes: sum(orphans) };
    return { removed, isDone: listed.length < MOST_LISTED, last: listed.at(-1)?.key ?? after };
  }

  private async list(after: string): Promise<ListedMedia[]> {
    const listed: ListedMedia[] = [];
    for await (const object of this.store.list(PREFIX, { after })) {
      listed.push(object);
      if (listed.length === MOST_LISTED) break;
    }
    return listed;
  }

  private async findOrphans(query: Query, listed: ListedMedia[]): Promise<ListedMedia[]> {
    const old = listed.filter(({ key, modifiedAt }) => OUR_KEY.test(key) && modifiedAt < this.oldest());
    const rows = await query<{ key: string }>(UNNEEDED, [old.map(({ key }) => key)]);
    const unneeded = new Set(rows.map(({ key }) => key));
    return old.filter(({ key }) => unneeded.has(key));
  }

  /** Those of the objects that are gone now. Removing one twice does no harm. */
  private async remove<T extends { key: string }>(objects: T[]): Promise<T[]> {
    const settled = await Promise.allSettled(
      objects.map(({ key }) => withDeadline(this.store.delete(key), REMOVE_TIMEOUT_MS, 'removing an object')),
    );
    return objects.filter((_, index) => settled[index]?.status === 'fulfilled');
  }

  private oldest(): Date {
    return new Date(this.clock.now().getTime() - ORPHAN_AGE_MS);
  }
}

function sum(objects: ListedMedia[]): number {
  return objects.reduce((bytes, { size }) => bytes + size, 0);
}
