import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { z } from 'zod';
import { eventBatchSchema, heartbeatSchema } from '#contracts';
import { AppError } from '#kernel';
import { SignatureVerifier } from '#runtime';
import { API_CONFIG, type ApiConfig } from '../config.js';
import { answerProblem, detailsOf, LOGGER, type ApiReply, type ApiRequest } from '../http/index.js';
import { EventIntake } from './event-intake.js';
import { HeartbeatIntake } from './heartbeat-intake.js';

const MIB = 1024 * 1024;
/** Nodes send at most half a MiB of facts at once, or one fact that is larger by itself. */
const LARGEST_EVENTS_BYTES = 4 * MIB;
/** Some hundred bytes a session. */
const LARGEST_HEARTBEAT_BYTES = MIB;

/**
 * What session-nodes call: `POST /internal/nodes/heartbeat` and `POST /internal/events`. They stand outside the public
 * API (no API key, not in its document); a signature over the body as it was sent lets a request in. One without such
 * a signature, or with an old one, is refused before its body is read.
 */
@Injectable()
export class InternalRoutes implements OnModuleInit {
  private readonly verifier: SignatureVerifier;

  constructor(
    @Inject(API_CONFIG) config: Pick<ApiConfig, 'INTERNAL_SECRET'>,
    private readonly host: HttpAdapterHost,
    private readonly events: EventIntake,
    private readonly heartbeats: HeartbeatIntake,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.verifier = new SignatureVerifier(config.INTERNAL_SECRET);
  }

  async onModuleInit(): Promise<void> {
    const fastify = this.host.httpAdapter.getInstance<FastifyInstance>();
    await fastify.register((scope, _options, done) => {
      // A scope has the error handler of the moment it is made; Nest sets the app's later.
      scope.setErrorHandler((error: unknown, request: ApiRequest, reply: ApiReply) =>
        answerProblem(error, request, reply, this.logger),
      );
      scope.removeAllContentTypeParsers();
      scope.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, parsed) =>
        parsed(null, body),
      );
      scope.addHook('onRequest', (request, _reply, next) => {
        next(this.verifier.looksSigned(request.headers) ? undefined : notSigned());
      });
      scope.post('/internal/nodes/heartbeat', { bodyLimit: LARGEST_HEARTBEAT_BYTES }, (request) =>
        this.heartbeats.accept(this.read(request, heartbeatSchema)),
      );
      scope.post('/internal/events', { bodyLimit: LARGEST_EVENTS_BYTES }, (request) =>
        this.events.accept(this.read(request, eventBatchSchema)),
      );
      done();
    });
  }

  /** The request's body, once its signature is verified. */
  private read<T>(request: FastifyRequest, schema: z.ZodType<T>): T {
    const body = typeof request.body === 'string' ? request.body : '';
    const parts = { method: request.method, path: request.url, body };
    if (!this.verifier.verify(parts, request.headers)) throw notSigned();
    const parsed = schema.safeParse(parseJson(body));
    if (parsed.success) return parsed.data;
    throw new AppError('invalid_request', 'the request is not one of this protocol', {
      details: detailsOf(parsed.error),
    });
  }
}

function notSigned(): AppError {
  return new AppError('unauthenticated', 'the request is not signed as a node of this installation signs');
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (cause) {
    throw new AppError('invalid_json', 'the body is not valid JSON', { cause });
  }
}
