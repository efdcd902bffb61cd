import { Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { AppError } from '#kernel';
import { RequestGate } from '../../auth/index.js';
import type { ApiRequest } from '../../http/index.js';

const MOST_PER_TENANT = 50;
const MOST_PER_PROCESS = 2_000;
/** Twice this is the longest that a stream outlives its key, whether its client reads or not. */
const LOOK_EVERY_MS = 2_000;
/** At the end of the process, for what a client is still to take. */
const LEAVE_MS = 2_000;

interface OpenStream {
  tenantId: string;
  request: ApiRequest;
  /** Aborted when the key is no longer good. */
  end: AbortController;
}

/** The streams that this process serves: how many, and whose key is still good. */
@Injectable()
export class OpenStreams {
  private readonly streams = new Set<OpenStream>();
  private timer: NodeJS.Timeout | undefined;
  private closing = false;

  constructor(
    private readonly gate: RequestGate,
    host: HttpAdapterHost<FastifyAdapter>,
  ) {
    // Streams would keep the server from closing.
    host.httpAdapter.getInstance<FastifyInstance>().addHook('preClose', (done) => {
      this.closing = true;
      setTimeout(() => {
        for (const { request } of this.streams) request.raw.socket.destroy();
      }, LEAVE_MS).unref();
      done();
    });
  }

  get isClosing(): boolean {
    return this.closing;
  }

  /** @throws AppError `stream_limit_reached` */
  assertRoom(tenantId: string): void {
    const ofTenant = [...this.streams].filter((stream) => stream.tenantId === tenantId).length;
    if (ofTenant < MOST_PER_TENANT && this.streams.size < MOST_PER_PROCESS) return;
    throw new AppError('stream_limit_reached', 'too many event streams are open; close one first', {
      retryAfterSeconds: 10,
    });
  }

  /** Counts a stream until `left` is called. `revoked` is aborted when its key is no longer good. */
  add(tenantId: string, request: ApiRequest): { revoked: AbortSignal; left: () => void } {
    const stream = { tenantId, request, end: new AbortController() };
    this.streams.add(stream);
    this.timer ??= setInterval(() => void this.look(), LOOK_EVERY_MS).unref();
    const left = () => {
      this.streams.delete(stream);
      if (this.streams.size > 0) return;
      clearInterval(this.timer);
      this.timer = undefined;
    };
    return { revoked: stream.end.signal, left };
  }

  private async isAllowed(request: ApiRequest): Promise<boolean> {
    try {
      await this.gate.assertStillAllowed(request);
      return true;
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      // Neither says anything about the key: a later look will tell.
      return error.code === 'service_unavailable' || error.code === 'rate_limited';
    }
  }

  /** A stream ends by itself when it is told to; one whose client does not read does not get there, and is cut off. */
  private async look(): Promise<void> {
    for (const { request, end } of [...this.streams]) {
      if (end.signal.aborted) request.raw.socket.destroy();
      else if (!(await this.isAllowed(request).catch(() => true))) end.abort();
    }
  }
}
