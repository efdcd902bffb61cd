import { Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import type { EventEnvelope } from '#contracts';
import type { AuthContext } from '../../auth/index.js';
import type { ApiRequest } from '../../http/index.js';
import { SessionLookup } from '../../sessions/index.js';
import { toEnvelope } from '../event-envelope.js';
import { assertGiven, EventFeedService } from '../event-feed.service.js';
import { EventRepository } from '../event-repository.js';
import type { StreamQuery } from './event-stream.dto.js';
import { OpenStreams } from './open-streams.js';

/** Without news a stream says so this often. */
const ALIVE_EVERY_MS = 15_000;
const MOST_AT_ONCE = 200;

/** Events for those who stay: one loop per stream, which reads on only when the client has taken what it got. */
@Injectable()
export class EventStreamService {
  constructor(
    private readonly feed: EventFeedService,
    private readonly events: EventRepository,
    private readonly sessions: SessionLookup,
    private readonly streams: OpenStreams,
    host: HttpAdapterHost<FastifyAdapter>,
  ) {
    host.httpAdapter.getInstance<FastifyInstance>().addHook('preClose', (done) => {
      this.feed.end();
      done();
    });
  }

  /**
   * Batches of events behind `after`, in order, each event once; an empty batch every few seconds without news. Ends
   * when the process does, when the key is no longer good, and when `signal` says that nobody listens.
   * @throws AppError before the first batch: `not_found`, `session_not_allowed`, `wrong_key_mode`,
   *   `stream_limit_reached`, `unknown_seq`
   */
  async follow(
    request: ApiRequest,
    auth: AuthContext,
    { after, types, session: reference }: StreamQuery,
    signal: AbortSignal,
  ): Promise<AsyncGenerator<EventEnvelope[], void>> {
    const session = reference === undefined ? undefined : await this.sessions.resolve(auth, reference);
    const filter = { types, sessionId: session?.id };
    const newestSeq = await this.events.lastSeq(auth.tenantId);
    const from = after ?? newestSeq;
    assertGiven(from, newestSeq);
    this.streams.assertRoom(auth.tenantId);
    return this.batches(request, auth, filter, { from, signal });
  }

  private async *batches(
    request: ApiRequest,
    auth: AuthContext,
    filter: Parameters<EventFeedService['next']>[1],
    { from: after, signal }: { from: number; signal: AbortSignal },
  ): AsyncGenerator<EventEnvelope[], void> {
    const { revoked, left } = this.streams.add(auth.tenantId, request);
    const end = AbortSignal.any([signal, revoked]);
    try {
      for (let from = after; !this.streams.isClosing && !end.aborted;) {
        const range = { after: from, limit: MOST_AT_ONCE, waitMs: ALIVE_EVERY_MS, signal: end };
        const slice = await this.feed.next(auth, filter, range);
        if (end.aborted) return;
        from = slice.lastSeq;
        yield slice.events.map(toEnvelope);
      }
    } finally {
      left();
    }
  }
}
