type Handler = (...args: unknown[]) => unknown;

interface Subscription {
  handler: Handler;
  context: unknown;
  once: boolean;
}

/** Backbone-like events; several names may be given at once, separated by spaces. */
export class Emitter {
  readonly #subscriptions = new Map<string, Subscription[]>();

  on(names: string, handler: Handler, context?: unknown): this {
    return this.#add(names, { handler, context, once: false });
  }

  once(names: string, handler: Handler, context?: unknown): this {
    return this.#add(names, { handler, context, once: true });
  }

  off(names?: string, handler?: Handler): this {
    for (const name of names?.split(' ') ?? [...this.#subscriptions.keys()]) {
      const kept = (this.#subscriptions.get(name) ?? []).filter(
        (subscription) => handler !== undefined && subscription.handler !== handler,
      );
      this.#subscriptions.set(name, kept);
    }
    return this;
  }

  trigger(name: string, ...args: unknown[]): this {
    const subscriptions = this.#subscriptions.get(name);
    if (subscriptions === undefined) return this;
    for (const subscription of [...subscriptions]) {
      if (subscription.once) this.off(name, subscription.handler);
      try {
        subscription.handler.apply(subscription.context ?? this, args);
      } catch (error) {
        // One listener's failure must not keep the next from hearing of it; the page reports it as uncaught.
        reportError(error);
      }
    }
    return this;
  }

  hasListener(name: string): boolean {
    return (this.#subscriptions.get(name)?.length ?? 0) > 0;
  }

  #add(names: string, subscription: Subscription): this {
    for (const name of names.split(' ')) {
      const list = this.#subscriptions.get(name) ?? [];
      list.push(subscription);
      this.#subscriptions.set(name, list);
    }
    return this;
  }
}
