/** One wait for news. */
export interface NewsWait {
  /** Resolves when there is news, the time is over, or the wait was given up. */
  happened: Promise<void>;
  cancel: () => void;
}

/** Who waits for news of a tenant, in this process. */
export class TenantNews {
  private readonly waiting = new Map<string, Set<() => void>>();

  /** Waits for what is told from now on, `withinMs` at most or until `signal`. */
  wait(tenantId: string, withinMs: number, signal?: AbortSignal): NewsWait {
    let cancel = () => {};
    const happened = new Promise<void>((resolve) => {
      const end = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', end);
        this.leave(tenantId, end);
        resolve();
      };
      const timer = setTimeout(end, Math.max(withinMs, 0));
      signal?.addEventListener('abort', end);
      const others = this.waiting.get(tenantId);
      if (others) others.add(end);
      else this.waiting.set(tenantId, new Set([end]));
      cancel = end;
    });
    return { happened, cancel };
  }

  /** @param tenantId null: of any tenant there may be something new */
  tell(tenantId: string | null): void {
    const sets = tenantId === null ? [...this.waiting.values()] : [this.waiting.get(tenantId) ?? []];
    for (const set of sets) for (const end of [...set]) end();
  }

  /** May come again, from one that has left before: others may be waiting by then. */
  private leave(tenantId: string, end: () => void): void {
    const others = this.waiting.get(tenantId);
    others?.delete(end);
    if (others?.size === 0) this.waiting.delete(tenantId);
  }
}
