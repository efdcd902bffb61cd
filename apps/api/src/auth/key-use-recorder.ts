import { Inject, Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import { Clock } from '#kernel';
import { LOGGER } from '../http/logger.js';
import type { AuthContext } from './auth-context.js';
import { AuthRepository } from './auth-repository.js';

/** A key's last use is written at most this often. */
const COALESCE_MS = 60_000;
const WRITE_AFTER_MS = 1_000;
const MOST_KEYS = 50_000;

/** Writes `last_used_at`, off the request's way and at most once a minute per key. */
@Injectable()
export class KeyUseRecorder implements BeforeApplicationShutdown {
  private readonly writtenMs = new Map<string, number>();
  private readonly pending = new Map<string, { tenantId: string; keyId: string; at: Date }>();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly repository: AuthRepository,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  record({ tenantId, keyId }: AuthContext): void {
    const nowMs = this.clock.monotonicMs();
    const lastMs = this.writtenMs.get(keyId);
    if (lastMs !== undefined && nowMs - lastMs < COALESCE_MS) return;
    if (this.writtenMs.size >= MOST_KEYS) this.writtenMs.clear();
    this.writtenMs.set(keyId, nowMs);
    this.pending.set(keyId, { tenantId, keyId, at: this.clock.now() });
    this.timer ??= setTimeout(() => void this.write(), WRITE_AFTER_MS);
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearTimeout(this.timer);
    await this.write();
  }

  /** A lost note is no loss to anyone but the statistics, so a failure is logged and the next use tries again. */
  private async write(): Promise<void> {
    this.timer = undefined;
    const uses = [...this.pending.values()];
    this.pending.clear();
    if (uses.length === 0) return;
    try {
      await this.repository.recordUse(uses);
    } catch (error) {
      for (const { keyId } of uses) this.writtenMs.delete(keyId);
      this.logger.warn({ err: error }, 'the last use of some keys was not recorded');
    }
  }
}
