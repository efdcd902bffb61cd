import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Database } from '#database';
import { Clock } from '#kernel';
import { AuthRepository, type StoredKey } from './auth-repository.js';

/** A revocation that is not announced (the announcement was lost) takes effect after this. */
const TTL_MS = 5_000;
const MOST_ENTRIES = 20_000;
const CHANNEL = 'wagate_keys';

/**
 * Keys as the database has them, for at most five seconds. A change of a key or of its tenant is announced by the
 * database and forgotten here at once.
 */
@Injectable()
export class KeyCache implements OnApplicationBootstrap {
  private readonly entries = new Map<string, { stored: StoredKey; untilMs: number }>();
  private readonly loading = new Map<string, Promise<StoredKey | undefined>>();
  private generation = 0;

  constructor(
    private readonly repository: AuthRepository,
    private readonly database: Database,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.database.listen(CHANNEL, (changed) => this.forget(changed));
  }

  /** What is remembered of a key now, without asking the database. */
  peek(publicId: string): StoredKey | undefined {
    const entry = this.entries.get(publicId);
    if (!entry || entry.untilMs <= this.clock.monotonicMs()) return undefined;
    return entry.stored;
  }

  /** The stored key, from the database when it is not remembered; several askers share one question. */
  async find(publicId: string): Promise<StoredKey | undefined> {
    const known = this.peek(publicId);
    if (known) return known;
    const running = this.loading.get(publicId);
    if (running) return running;
    const loading = this.load(publicId).finally(() => {
      if (this.loading.get(publicId) === loading) this.loading.delete(publicId);
    });
    this.loading.set(publicId, loading);
    return loading;
  }

  /** A load that began before a change may have read the old state: it is answered but not remembered. */
  private async load(publicId: string): Promise<StoredKey | undefined> {
    const { generation } = this;
    // The five seconds count from before the question: the answer is as old as that.
    const untilMs = this.clock.monotonicMs() + TTL_MS;
    const stored = await this.repository.findByPublicId(publicId);
    if (stored && generation === this.generation) {
      if (this.entries.size >= MOST_ENTRIES) this.entries.clear();
      this.entries.set(publicId, { stored, untilMs });
    }
    return stored;
  }

  /** `changed`: a public id, a tenant id, or null when announcements may have been missed. */
  private forget(changed: string | null): void {
    this.generation += 1;
    this.loading.clear();
    if (changed === null) this.entries.clear();
    else if (!changed.startsWith('tnt_')) this.entries.delete(changed);
    else {
      for (const [publicId, { stored }] of this.entries)
        if (stored.auth.tenantId === changed) this.entries.delete(publicId);
    }
  }
}
