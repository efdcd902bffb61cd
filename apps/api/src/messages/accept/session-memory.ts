import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Database } from '#database';
import { Clock } from '#kernel';
import type { AuthContext } from '../../auth/index.js';
import type { StoredSession } from '../../nodes/index.js';
import { SessionLookup } from '../../sessions/index.js';

/** A change that is not announced (the announcement was lost) takes effect after this. */
const TTL_MS = 1_000;
const MOST_ENTRIES = 20_000;
const CHANNEL = 'wagate_sessions';

/**
 * The session that a request means, remembered for a second, because every message asks for it. A change of a session
 * is announced by the database and its tenant's sessions are forgotten here at once.
 */
@Injectable()
export class SessionMemory implements OnApplicationBootstrap {
  private readonly entries = new Map<string, { session: StoredSession; untilMs: number }>();
  private readonly loading = new Map<string, Promise<StoredSession>>();
  private generation = 0;

  constructor(
    private readonly sessions: SessionLookup,
    private readonly database: Database,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.database.listen(CHANNEL, (tenantId) => this.forget(tenantId));
  }

  /** As `SessionLookup.resolve`. */
  resolve(auth: AuthContext, reference?: string): StoredSession | Promise<StoredSession> {
    const key = `${auth.tenantId} ${auth.keyId} ${reference ?? ''}`;
    const entry = this.entries.get(key);
    if (entry && entry.untilMs > this.clock.monotonicMs()) return entry.session;
    const running = this.loading.get(key);
    if (running) return running;
    const loading = this.load(key, auth, reference).finally(() => {
      if (this.loading.get(key) === loading) this.loading.delete(key);
    });
    this.loading.set(key, loading);
    return loading;
  }

  private async load(key: string, auth: AuthContext, reference?: string): Promise<StoredSession> {
    const { generation } = this;
    const session = await this.sessions.resolve(auth, reference);
    if (generation === this.generation) {
      if (this.entries.size >= MOST_ENTRIES) this.entries.clear();
      this.entries.set(key, { session, untilMs: this.clock.monotonicMs() + TTL_MS });
    }
    return session;
  }

  /** null: announcements may have been missed. */
  private forget(tenantId: string | null): void {
    this.generation += 1;
    this.loading.clear();
    if (tenantId === null) this.entries.clear();
    else {
      for (const [key, { session }] of this.entries)
        if (session.tenantId === tenantId) this.entries.delete(key);
    }
  }
}
