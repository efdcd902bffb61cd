import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, Server } from 'node:http';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { AppError, newId } from '#kernel';
import { answerProblem } from './answer-problem.js';
import { ApiMessage } from './api-message.js';
import type { ApiReply, ApiRequest } from './request.js';
import { SHUTTING_DOWN } from './problem.js';
import { RouteTable } from './route-table.js';
import { answerUnreadable } from './answer-unreadable.js';

export interface AdapterOptions {
  logger: Logger;
  trustedProxyHops: number;
}

/** Largest JSON body; larger things travel as multipart, with their own limits. */
export const JSON_LIMIT_BYTES = 1024 * 1024;
/** How often, while closing, connections are looked at. */
const IDLE_CHECK_MS = 50;
const SANE_REQUEST_ID = /^[\w.-]{1,128}$/;

/**
 * Fastify as this API wants it: JSON only, problems for every refusal (its own too), a request id on every answer,
 * 405 with `Allow` where only the method is wrong.
 */
export class ApiAdapter extends FastifyAdapter {
  private readonly routeTable = new RouteTable();
  private readonly errorLogger: Logger;
  private beforeUnroutable: ((request: ApiRequest, reply: ApiReply) => void) | undefined;
  private closing: Promise<undefined> | undefined;

  constructor(options: AdapterOptions) {
    super({
      bodyLimit: JSON_LIMIT_BYTES,
      http: { IncomingMessage: ApiMessage },
      trustProxy: options.trustedProxyHops > 0 ? options.trustedProxyHops : false,
      requestIdHeader: false,
      genReqId: requestIdOf,
      logger: false,
      forceCloseConnections: 'idle',
      // What still comes while the app closes is refused below, as a problem.
      return503OnClosing: false,
      routerOptions: { ignoreTrailingSlash: true, maxParamLength: 300 },
      // Slow-loris: all headers and the body have to arrive in time; uploads get the longer one.
      connectionTimeout: 0,
      requestTimeout: 300_000,
      clientErrorHandler: answerUnreadable,
      // A URL that cannot be decoded never reaches the hooks.
      frameworkErrors: (error: unknown, request: ApiRequest, reply: ApiReply) => {
        void reply.header('X-Request-Id', request.id);
        answerProblem(this.refusalOf(request, reply) ?? error, request, reply, options.logger);
      },
    });
    this.errorLogger = options.logger;
    const fastify = this.getInstance<FastifyInstance>();
    this.routeTable.watch(fastify);
    this.acceptJson(fastify);
    fastify.decorateRequest('auth', undefined);
    fastify.decorateRequest('arrivedMs', 0);
    fastify.setErrorHandler((error, request, reply) =>
      answerProblem(error, request, reply, this.errorLogger),
    );
    fastify.addHook('onRequest', (request, reply, done) => {
      request.arrivedMs = performance.now();
      void reply.header('X-Request-Id', request.id);
      done(this.closing ? SHUTTING_DOWN : encodingRefusalOf(request));
    });
    fastify.addHook('preValidation', (request, _reply, done) => done(parameterRefusalOf(request)));
  }

  /** What the hooks do for other requests is done by `handle` for one that never reaches them; it may throw. */
  onUnroutable(handle: (request: ApiRequest, reply: ApiReply) => void): void {
    this.beforeUnroutable = handle;
  }

  /** Nest offers its own handler here; ours, set before, keeps Fastify's error codes, which Nest's drops. */
  override setErrorHandler(_handler: unknown): ReturnType<FastifyAdapter['setErrorHandler']> {
    return this.getInstance();
  }

  override setNotFoundHandler(_handler: unknown): ReturnType<FastifyAdapter['setNotFoundHandler']> {
    return super.setNotFoundHandler((request: ApiRequest, reply: ApiReply) => {
      const allowed = this.routeTable.methodsOf(request.url);
      if (allowed.length > 0) void reply.header('Allow', allowed.join(', '));
      const error =
        allowed.length > 0
          ? new AppError('method_not_allowed', `this path takes ${allowed.join(', ')}`)
          : new AppError('not_found', 'there is nothing at this path');
      answerProblem(error, request, reply, this.errorLogger);
    });
  }

  /** Closing waits for running requests; their connections are let go as they become idle, not when they time out. */
  override close(): Promise<undefined> {
    this.closing ??= this.endRequests();
    return this.closing;
  }

  private async endRequests(): Promise<undefined> {
    const server = this.getHttpServer<Server>();
    const timer = setInterval(() => server.closeIdleConnections(), IDLE_CHECK_MS);
    try {
      await super.close();
    } finally {
      clearInterval(timer);
    }
    return undefined;
  }

  private refusalOf(request: ApiRequest, reply: ApiReply): unknown {
    try {
      this.beforeUnroutable?.(request, reply);
      return undefined;
    } catch (refusal) {
      return refusal;
    }
  }

  /** Replaces Fastify's and Nest's body parsers: one content type, and an empty body is no body. */
  private acceptJson(fastify: FastifyInstance): void {
    fastify.removeAllContentTypeParsers();
    const parse = fastify.getDefaultJsonParser('error', 'error');
    fastify.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
      if (body.length === 0) done(null, undefined);
      else if (isUtf8(body as Buffer)) void parse(request, body.toString(), done);
      else done(new AppError('invalid_json', 'the body is not valid UTF-8'));
    });
  }
}

const CHARSET = /;\s*charset\s*=\s*"?([^;"\s]+)/i;

/** Bodies are read as they come, and JSON is UTF-8 (RFC 8259, 8.1): what says otherwise would be misread. */
function encodingRefusalOf({ headers }: FastifyRequest): AppError | undefined {
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    return new AppError(
      'unsupported_media_type',
      'Content-Encoding is not supported; send the body as it is',
    );
  }
  const charset = CHARSET.exec(headers['content-type'] ?? '')?.[1];
  if (charset === undefined || /^(utf-?8|us-ascii)$/i.test(charset)) return undefined;
  return new AppError('unsupported_media_type', 'this charset is not supported; send UTF-8');
}

/** A parameter that is given twice would reach its handler as a list. */
function parameterRefusalOf({ query }: FastifyRequest): AppError | undefined {
  const path = Object.entries(query ?? {}).find(([, value]) => Array.isArray(value))?.[0];
  if (path === undefined) return undefined;
  const message = 'must be given once';
  return new AppError('invalid_request', `the request is not valid: ${path}: ${message}`, {
    details: [{ path, message }],
  });
}

function requestIdOf(raw: IncomingMessage): string {
  const given = raw.headers['x-request-id'];
  return typeof given === 'string' && SANE_REQUEST_ID.test(given) ? given : newId('req');
}
