import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import 'reflect-metadata';
import { SessionNodeModule, type SessionNodeParts } from '../session-node.module.js';

const BODY_LIMIT_BYTES = 2 * 1024 * 1024;

/** Listens for commands; bodies stay raw until their signature was checked. */
export async function startHttpServer(
  parts: SessionNodeParts,
  listen: { host: string; port: number },
): Promise<{ port: number; close: () => Promise<void> }> {
  const adapter = new FastifyAdapter({ bodyLimit: BODY_LIMIT_BYTES, forceCloseConnections: true });
  const app = await NestFactory.create<NestFastifyApplication>(SessionNodeModule.with(parts), adapter, {
    logger: false,
    bodyParser: false,
    abortOnError: false,
  });
  const server = adapter.getInstance();
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  await app.listen(listen.port, listen.host);
  const address = server.server.address();
  const port = typeof address === 'object' && address ? address.port : listen.port;
  return { port, close: () => app.close() };
}
