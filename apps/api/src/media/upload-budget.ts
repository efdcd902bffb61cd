import { Inject, Injectable } from '@nestjs/common';
import { AppError } from '#kernel';
import { API_CONFIG, type ApiConfig } from '../config.js';
import { ByteBudget, ByteBudgetError } from './byte-budget.js';

/** What one file on its way into the store holds in memory at most: two parts of an upload, and what is in the pipes. */
const MOST_HELD_BYTES = 17 * 1024 * 1024;
const LONGEST_WAIT_MS = 30_000;

/** Bounds the memory of all files that are on their way into the store; one tenant takes half of it at most. */
@Injectable()
export class UploadBudget {
  private readonly all: ByteBudget;
  private readonly tenants = new Map<string, { budget: ByteBudget; users: number }>();

  constructor(@Inject(API_CONFIG) private readonly config: Pick<ApiConfig, 'MEDIA_UPLOAD_MEMORY_BYTES'>) {
    this.all = new ByteBudget(config.MEDIA_UPLOAD_MEMORY_BYTES);
  }

  /**
   * Runs the taking-in of a file when there is room for it.
   * @param expected bytes of the file, as far as they are known
   * @throws AppError `service_unavailable` when there is none for too long; nothing was read
   */
  async run<T>(tenantId: string, expected: number | null, work: () => Promise<T>): Promise<T> {
    const bytes = Math.min(expected ?? Infinity, MOST_HELD_BYTES);
    try {
      return await this.withinTenant(tenantId, (own) =>
        own.run(bytes, LONGEST_WAIT_MS, () => this.all.run(bytes, LONGEST_WAIT_MS, work)),
      );
    } catch (error) {
      if (!(error instanceof ByteBudgetError)) throw error;
      throw new AppError('service_unavailable', 'too many files are on their way; try again', {
        cause: error,
        outcome: 'not_sent',
        retryAfterSeconds: 5,
      });
    }
  }

  private async withinTenant<T>(tenantId: string, work: (own: ByteBudget) => Promise<T>): Promise<T> {
    const half = Math.ceil(this.config.MEDIA_UPLOAD_MEMORY_BYTES / 2);
    const own = this.tenants.get(tenantId) ?? { budget: new ByteBudget(half), users: 0 };
    this.tenants.set(tenantId, own);
    own.users += 1;
    try {
      return await work(own.budget);
    } finally {
      own.users -= 1;
      if (own.users === 0) this.tenants.delete(tenantId);
    }
  }
}
