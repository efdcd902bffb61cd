import { Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import type { EventEnvelope } from '#contracts';
import { AppError } from '#kernel';
import { RequestGate, type AuthContext } from '../../auth/index.js';
import type { ApiRequest } from '../../http/index.js';
import { SessionLookup } from '../../sessions/index.js';
import { toEnvelope } from '../event-envelope.js';
import { EventFeedService } from '../event-feed.service.js';
import { EventRepository } from '../event-repository.js';
import type { StreamQuery } from './event-stream.dto.js';

/** A key that was revoked loses its streams within this, and a moment more for what is under way. */
const LOOK_EVERY_MS = 4_000;
const MOST_AT_ONCE = 200;
const MOST_PER_TENANT = 50;
const MOST_PER_PROCESS = 2_000;

/** Events for those who stay: one loop per stream, which reads on only when the client has taken what it got. */
@Injectable()
export class EventStreamService {
  private readonly open = new Map<string, number>();
  private total = 0;
  private isClosing = false;

  constructor(
    private readonly feed: EventFeedService,
    private readonly events: EventRepository,
    private readonly sessions: SessionLookup,
    private readonly gate: RequestGate,
    host: HttpAdapterHost<FastifyAdapter>,
  ) {
    // Streams would keep the server from closing.
    host.httpAdapter.getInstance<FastifyInstance>().addHook('preClose', (done) => {
      this.isClosing = true;
      this.feed.end();
      done();
    });
  }

  /**
   * Batches of events behind `after`, in order, each event once; an empty batch every few seconds without news. Ends
   * when the process does, when the key is no longer good, and when `signal` says that nobody listens.
   * @throws AppError before the first batch: `not_found`, `session_not_allowed`, `wrong_key_mode`,
   *   `stream_limit_reached`
   */
  async follow(
    request: ApiRequest,
    auth: AuthContext,
    { after, types, session: reference }: StreamQuery,
    signal: AbortSignal,
  ): Promise<AsyncGenerator<EventEnvelope[], void>> {
    const session = reference === undefined ? undefined : await this.sessions.resolve(auth, reference);
    const filter = { types, sessionId: session?.id };
    const from = after ?? (await this.events.lastSeq(auth.tenantId));
    this.assertRoom(auth.tenantId);
    return this.batches(request, auth, filter, { from, signal });
  }

  private async *batches(
    request: ApiRequest,
    auth: AuthContext,
    filter: Parameters<EventFeedService['next']>[1],
    { from: after, signal }: { from: number; signal: AbortSignal },
  ): AsyncGenerator<EventEnvelope[], void> {
    const { tenantId } = auth;
    this.count(tenantId, 1);
    try {
      for (let from = after; !this.isClosing && !signal.aborted;) {
        const range = { after: from, limit: MOST_AT_ONCE, waitMs: LOOK_EVERY_MS, signal };
        const slice = await this.feed.next(auth, filter, range);
        if (!(await this.isAllowed(request))) return;
        from = slice.lastSeq;
        yield slice.events.map(toEnvelope);
      }
    } finally {
      this.count(tenantId, -1);
    }
  }

  private async isAllowed(request: ApiRequest): Promise<boolean> {
    try {
      await this.gate.assertStillAllowed(request);
      return true;
    } catch (error) {
      if (error instanceof AppError) return error.code === 'service_unavailable';
      throw error;
    }
  }

  private assertRoom(tenantId: string): void {
    const ofTenant = this.open.get(tenantId) ?? 0;
    if (ofTenant < MOST_PER_TENANT && this.total < MOST_PER_PROCESS) return;
    throw new AppError('stream_limit_reached', 'too many event streams are open; close one first', {
      retryAfterSeconds: 10,
    });
  }

  private count(tenantId: string, change: 1 | -1): void {
    this.total += change;
    const left = (this.open.get(tenantId) ?? 0) + change;
    if (left > 0) this.open.set(tenantId, left);
    else this.open.delete(tenantId);
  }
}
