import { ServerResponse, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { WebSocketServer, type WebSocket } from 'ws';
import type { EventEnvelope } from '#contracts';
import { LOGGER, type ApiRequest } from '../../http/index.js';

const PING_EVERY_MS = 15_000;
const LEAVE_MS = 2_000;
/** Clients have nothing to say here. */
const MOST_INCOMING_BYTES = 1_024;
/** RFC 6455, 7.4.1. */
const GOING_AWAY = 1001;
const POLICY_VIOLATION = 1008;
const INTERNAL_ERROR = 1011;

/** WebSockets for events: an upgrade goes through the same hooks as any request (key, limits), then becomes a socket. */
@Injectable()
export class EventSocket implements OnModuleInit {
  private readonly server = new WebSocketServer({ noServer: true, maxPayload: MOST_INCOMING_BYTES });
  private readonly upgrades = new WeakMap<IncomingMessage, { socket: Duplex; head: Buffer }>();
  private isClosing = false;

  constructor(
    private readonly host: HttpAdapterHost<FastifyAdapter>,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onModuleInit(): void {
    const fastify = this.host.httpAdapter.getInstance<FastifyInstance>();
    this.host.httpAdapter.getHttpServer<Server>().on('upgrade', (raw: IncomingMessage, socket, head) => {
      socket.on('error', () => socket.destroy());
      this.upgrades.set(raw, { socket, head });
      const response = new ServerResponse(raw);
      response.shouldKeepAlive = false;
      // Refused: Node leaves a connection alone that asked for an upgrade, and would wait for it at the end.
      response.once('finish', () => (socket as Socket).destroySoon());
      response.assignSocket(socket as never);
      fastify.routing(raw, response);
    });
    fastify.addHook('preClose', (done) => {
      this.isClosing = true;
      for (const client of this.server.clients) leave(client);
      done();
    });
  }

  isUpgrade({ raw }: ApiRequest): boolean {
    return this.upgrades.has(raw);
  }

  /** Switches the connection and sends batches for as long as both sides stay. */
  async serve({ raw }: ApiRequest, batches: AsyncGenerator<EventEnvelope[], void>): Promise<void> {
    const upgrade = this.upgrades.get(raw);
    if (!upgrade) return;
    const client = await new Promise<WebSocket | undefined>((resolve) => {
      upgrade.socket.once('close', () => resolve(undefined));
      this.server.handleUpgrade(raw, upgrade.socket, upgrade.head, resolve);
    });
    if (!client) {
      await batches.return();
      return;
    }
    const stopPinging = keepAlive(client);
    try {
      await send(client, batches);
      if (this.isClosing) leave(client);
      else client.close(POLICY_VIOLATION, 'the API key is no longer valid');
    } catch (error) {
      this.logger.warn({ err: error }, 'an event socket broke off');
      client.close(INTERNAL_ERROR, 'come back with the last seq you have');
    } finally {
      stopPinging();
    }
  }
}

async function send(client: WebSocket, batches: AsyncGenerator<EventEnvelope[], void>): Promise<void> {
  for await (const events of batches) {
    for (const event of events) {
      if (client.readyState !== client.OPEN) return;
      // Called when the operating system has taken it: a slow client slows only its own stream.
      await new Promise<void>((done) => client.send(JSON.stringify(event), () => done()));
    }
    if (client.readyState !== client.OPEN) return;
  }
}

/** Says goodbye; a client that does not answer is cut off. */
function leave(client: WebSocket): void {
  client.close(GOING_AWAY, 'the server is going away');
  setTimeout(() => client.terminate(), LEAVE_MS).unref();
}

/** Drops a client that does not answer pings. */
function keepAlive(client: WebSocket): () => void {
  let isAlive = true;
  client.on('pong', () => (isAlive = true));
  client.on('error', () => client.terminate());
  const timer = setInterval(() => {
    if (!isAlive) client.terminate();
    isAlive = false;
    client.ping(() => undefined);
  }, PING_EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}
