import { isUtf8 } from 'node:buffer';
import { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance, preParsingHookHandler, RequestPayload } from 'fastify';
import { hasScope, type AuthContext } from '../../auth/index.js';
import { API_PREFIX, type ApiReply, type ApiRequest } from '../../http/index.js';
import { idempotentRequestOf } from '../../idempotency/index.js';
import { MessageSender } from '../message-sender.js';
import { sendMessageSchema, type SendMessageRequest } from '../send-request.js';

const PATH = `${API_PREFIX}/messages`;

/** Of what is read here; longer bodies are left to Fastify. */
const LARGEST_BODY = 64 * 1024;

/**
 * The short way of the request that comes most: a valid text without a query, sent through `POST /messages`. Guards,
 * pipes, interceptors and the parser of bodies cost as much time as everything else about such a request, so it goes
 * from Fastify's first hooks (key, limits) straight to the sender. Whatever is not as plain, or not valid, goes the usual
 * way, through the controller, which answers it the same; its body is handed on as it came.
 */
@Injectable()
export class TextLane {
  private readonly parse: ReturnType<FastifyInstance['getDefaultJsonParser']>;

  constructor(
    host: HttpAdapterHost<FastifyAdapter>,
    private readonly sender: MessageSender,
  ) {
    const fastify = host.httpAdapter.getInstance<FastifyInstance>();
    this.parse = fastify.getDefaultJsonParser('error', 'error');
    fastify.addHook('onRoute', (route) => {
      if (route.method === 'POST' && route.url === PATH) route.preParsing = this.takePlainTexts();
    });
  }

  private takePlainTexts(): preParsingHookHandler {
    return (request, reply, payload, done) => {
      const { auth } = request;
      if (!auth || !hasScope(auth, 'messages:send') || !isShortJson(request)) {
        done(null, payload);
        return;
      }
      readWhole(payload, (error, bytes) => {
        if (!bytes) {
          done(error);
          return;
        }
        const text = this.plainText(request, bytes);
        if (text) void this.sendText(auth, text, request, reply);
        else done(null, Readable.from([bytes], { objectMode: false }));
      });
    };
  }

  /** Undefined for what goes the usual way; otherwise the request has its body, as if Fastify had read it. */
  private plainText(request: ApiRequest, bytes: Buffer): SendMessageRequest | undefined {
    if (!isUtf8(bytes)) return undefined;
    let body: unknown;
    void this.parse(request, bytes.toString(), (_, parsed: unknown) => {
      body = parsed;
    });
    if ((body as { type?: unknown } | null | undefined)?.type !== 'text') return undefined;
    const text = sendMessageSchema.safeParse(body).data;
    if (text) request.body = body;
    return text;
  }

  private async sendText(
    auth: AuthContext,
    text: SendMessageRequest,
    request: ApiRequest,
    reply: ApiReply,
  ): Promise<void> {
    try {
      const answer = await this.sender.send(auth, text, idempotentRequestOf(request));
      void reply.code(answer.status).header('Location', `${PATH}/${answer.body.id}`);
      if (answer.replayed) void reply.header('Idempotent-Replayed', 'true');
      void reply.type('application/json; charset=utf-8').send(answer.json ?? JSON.stringify(answer.body));
    } catch (error) {
      void reply.send(error);
    }
  }
}

function isShortJson({ headers, url }: ApiRequest): boolean {
  const length = Number(headers['content-length']);
  return (
    length > 0 &&
    length <= LARGEST_BODY &&
    /^application\/json *(?:;|$)/i.test(headers['content-type'] ?? '') &&
    !url.includes('?')
  );
}

/** Node itself sees to it that a body is as long as its Content-Length says. */
function readWhole(payload: RequestPayload, done: (error: Error | null, bytes?: Buffer) => void): void {
  const chunks: Buffer[] = [];
  payload.on('data', (chunk: Buffer) => chunks.push(chunk));
  payload.once('end', () => done(null, Buffer.concat(chunks)));
  payload.once('error', (error: Error) => done(error));
}
