import { Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance, RouteHandlerMethod } from 'fastify';
import { hasScope, type AuthContext } from '../../auth/index.js';
import { API_PREFIX, type ApiReply, type ApiRequest } from '../../http/index.js';
import { idempotentRequestOf } from '../../idempotency/index.js';
import { MessageSender } from '../message-sender.js';
import { sendMessageSchema, type SendMessageRequest } from '../send-request.js';

const PATH = `${API_PREFIX}/messages`;

/**
 * The short way of the request that comes most: a valid text without a query, sent through `POST /messages`. Guards,
 * pipes and interceptors cost as much time as everything else about such a request, so it goes from Fastify's hooks
 * (key, limits) straight to the sender. Whatever is not as plain, or not valid, goes the usual way, through the
 * controller, which answers it the same.
 */
@Injectable()
export class TextLane {
  constructor(
    host: HttpAdapterHost<FastifyAdapter>,
    private readonly sender: MessageSender,
  ) {
    const fastify = host.httpAdapter.getInstance<FastifyInstance>();
    fastify.addHook('onRoute', (route) => {
      if (route.method === 'POST' && route.url === PATH) route.handler = this.before(route.handler);
    });
  }

  /** A handler that takes what is plain and leaves the rest to `usual`. */
  private before(usual: RouteHandlerMethod): RouteHandlerMethod {
    const sendText = (auth: AuthContext, body: SendMessageRequest, request: ApiRequest, reply: ApiReply) =>
      this.sendText(auth, body, request, reply);
    return function (this: FastifyInstance, request, reply) {
      const { auth } = request;
      const body = plainText(request);
      if (!auth || !body || !hasScope(auth, 'messages:send')) return usual.call(this, request, reply);
      return sendText(auth, body, request, reply);
    };
  }

  private async sendText(
    auth: AuthContext,
    body: SendMessageRequest,
    request: ApiRequest,
    reply: ApiReply,
  ): Promise<ApiReply> {
    const answer = await this.sender.send(auth, body, idempotentRequestOf(request));
    void reply.code(answer.status).header('Location', `${PATH}/${answer.body.id}`);
    if (answer.replayed) void reply.header('Idempotent-Replayed', 'true');
    return reply.type('application/json; charset=utf-8').send(answer.json ?? JSON.stringify(answer.body));
  }
}

function plainText(request: ApiRequest): SendMessageRequest | undefined {
  const body = request.body as { type?: unknown } | null | undefined;
  if (body?.type !== 'text' || request.url.includes('?')) return undefined;
  return sendMessageSchema.safeParse(body).data;
}
