import { Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { Database } from '#database';
import { AppError } from '#kernel';
import type { AuthContext } from '../auth/index.js';
import { EVENTS_CHANNEL } from '../events/index.js';
import { SessionLookup } from '../sessions/index.js';
import type { EventPage, EventQuery } from './event-feed.dto.js';
import { toEnvelope } from './event-envelope.js';
import { EventRepository, type EventFilter, type EventSlice, type EventViewer } from './event-repository.js';
import { TenantNews } from './tenant-news.js';

/** A notification that was missed delays an answer by this at most. */
const LOOK_EVERY_MS = 5_000;

/**
 * A number is told when its event can be read, so one beyond the newest was never given, or by a database that has
 * since been put back: whoever goes by it would hear nothing until it is reached.
 * @throws AppError `unknown_seq`
 */
export function assertGiven(after: number, newestSeq: number, path = 'after'): void {
  if (after <= newestSeq) return;
  const newest = String(newestSeq);
  throw new AppError('unknown_seq', `there is no event ${String(after)} yet: the newest is ${newest}`, {
    details: [{ path, message: `must be at most ${newest}, the seq of the newest event` }],
  });
}

/** @throws AppError `invalid_cursor` */
function seqOf(cursor: string): number {
  if (/^\d{1,15}$/.test(cursor)) return Number(cursor);
  throw new AppError('invalid_cursor', 'the cursor is not one that this list gave', {
    details: [{ path: 'cursor', message: 'must be the nextCursor of the page before' }],
  });
}

interface EventWait {
  limit: number;
  after: number;
  /** The field of the request that `after` is from. */
  path?: string;
  waitMs: number;
  signal?: AbortSignal;
}

/** Gives a tenant its events, and waits for new ones. */
@Injectable()
export class EventFeedService implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly news = new TenantNews();
  private stopListening: (() => Promise<void>) | undefined;
  private isClosing = false;

  constructor(
    private readonly database: Database,
    private readonly events: EventRepository,
    private readonly sessions: SessionLookup,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    this.stopListening = await this.database.listen(EVENTS_CHANNEL, (tenantId) => this.news.tell(tenantId));
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.end();
    await this.stopListening?.();
  }

  /** Nobody waits any longer, from now on. */
  end(): void {
    this.isClosing = true;
    this.news.tell(null);
  }

  /** @throws AppError `not_found`, `wrong_key_mode`, `session_not_allowed`, `unknown_seq`, `invalid_cursor` */
  async list(auth: AuthContext, query: EventQuery): Promise<EventPage> {
    const session =
      query.session === undefined ? undefined : await this.sessions.resolve(auth, query.session);
    const filter = { types: query.types ?? (query.type && [query.type]), sessionId: session?.id };
    const { limit, cursor, wait = 0 } = query;
    const { events, lastSeq, hasMore } = await this.next(auth, filter, {
      limit,
      after: cursor === undefined ? (query.after ?? 0) : seqOf(cursor),
      path: cursor === undefined ? 'after' : 'cursor',
      waitMs: wait * 1_000,
    });
    return { data: events.map(toEnvelope), nextCursor: hasMore ? String(lastSeq) : null, lastSeq };
  }

  /**
   * What follows `after`: at once when there is something, else as soon as there is, within `waitMs`.
   * @throws AppError `unknown_seq`
   */
  async next(
    viewer: EventViewer,
    filter: EventFilter,
    { limit, after, path, waitMs, signal }: EventWait,
  ): Promise<EventSlice> {
    const until = performance.now() + waitMs;
    for (let from = after; ;) {
      const news = this.news.wait(
        viewer.tenantId,
        Math.min(until - performance.now(), LOOK_EVERY_MS),
        signal,
      );
      const slice = await this.events.list(viewer, filter, { after: from, limit }).catch((error: unknown) => {
        news.cancel();
        throw error;
      });
      if (from > slice.newestSeq) {
        news.cancel();
        assertGiven(from, slice.newestSeq, path);
      }
      from = slice.lastSeq;
      const isOver = performance.now() >= until || this.isClosing || signal?.aborted;
      if (slice.events.length > 0 || isOver) {
        news.cancel();
        return slice;
      }
      // What follows at once is of no interest to this filter so far: it is looked through without waiting.
      if (slice.hasMore) news.cancel();
      else await news.happened;
    }
  }
}
