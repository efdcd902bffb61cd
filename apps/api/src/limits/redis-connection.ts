import type { OnApplicationShutdown } from '@nestjs/common';
import type { Redis } from 'ioredis';

/** The connection to Redis, when one is configured. */
export class RedisConnection implements OnApplicationShutdown {
  constructor(readonly client: Redis | undefined) {
    // ioredis reconnects by itself; whoever counts in the meantime notices and counts locally.
    client?.on('error', () => undefined);
  }

  onApplicationShutdown(): void {
    this.client?.disconnect();
  }
}
