import type { FastifyInstance } from 'fastify';

/** What is still read of a refused body before its connection is given up. */
const DRAIN_MAX_BYTES = 64 * 1024 * 1024;
const DRAIN_MAX_MS = 30_000;

/**
 * Reads and drops what was left of a request's body when it was answered early (too large a file, say). Node does so
 * by itself only for bodies that nobody began to read; without it the next request on the same connection would
 * wait behind the unread bytes for ever. Endless bodies cost their connection.
 */
export function drainRefusedBodies(fastify: FastifyInstance): void {
  fastify.addHook('onResponse', ({ raw }, _reply, done) => {
    done();
    if (raw.complete || raw.destroyed) return;
    let left = DRAIN_MAX_BYTES;
    const timer = setTimeout(() => raw.destroy(), DRAIN_MAX_MS).unref();
    raw.unpipe();
    raw.on('data', (chunk: Buffer) => {
      left -= chunk.length;
      if (left < 0) raw.destroy();
    });
    raw.on('error', () => clearTimeout(timer));
    raw.once('close', () => clearTimeout(timer));
    raw.once('end', () => clearTimeout(timer));
    raw.resume();
  });
}
