import { Emitter } from './events.js';
import type { Model } from './model.js';

/** The string under which a Wid, a message key or a string is kept; undefined for what is no id. */
export function idOf(id: unknown): string | undefined {
  if (typeof id === 'string') return id;
  if (typeof id !== 'object' || id === null) return undefined;
  const { _serialized, $1 } = id as { _serialized?: unknown; $1?: unknown };
  if (typeof _serialized === 'string') return _serialized;
  return typeof $1 === 'string' ? $1 : undefined;
}

/** Models by id, in the order they were added; hears their events. */
export class Collection<M extends Model & { id: unknown }> {
  readonly #models = new Map<string, M>();
  readonly #events = new Emitter();

  constructor(readonly modelClass?: new (attributes: Record<string, unknown>) => M) {}

  get length(): number {
    return this.#models.size;
  }

  get _models(): M[] {
    return this.getModelsArray();
  }

  get(id: unknown): M | undefined {
    const key = idOf(id);
    return key === undefined ? undefined : this.#models.get(key);
  }

  /** Collections that can fetch override this. */
  find(id: unknown): Promise<M | undefined> {
    return Promise.resolve(this.get(id));
  }

  getModelsArray(): M[] {
    return [...this.#models.values()];
  }

  add(model: M, options: { silent?: boolean } = {}): M {
    const key = idOf(model.id);
    if (key === undefined) throw new Error('Data passed to getter must include an id property');
    const known = this.#models.get(key);
    if (known !== undefined) return known;
    this.#models.set(key, model);
    model.addOwner(this);
    if (options.silent !== true) this.trigger('add', model, this);
    return model;
  }

  remove(id: unknown): M | undefined {
    const model = this.get(id) ?? this.get((id as { id?: unknown }).id);
    if (model === undefined) return undefined;
    this.#models.delete(idOf(model.id) ?? '');
    this.trigger('remove', model, this);
    model.removeOwner(this);
    return model;
  }

  reset(): void {
    for (const model of this.#models.values()) model.removeOwner(this);
    this.#models.clear();
    this.trigger('reset', this);
  }

  filter(test: (model: M) => boolean): M[] {
    return this.getModelsArray().filter(test);
  }

  map<T>(transform: (model: M) => T): T[] {
    return this.getModelsArray().map(transform);
  }

  forEach(action: (model: M) => void): void {
    this.getModelsArray().forEach(action);
  }

  some(test: (model: M) => boolean): boolean {
    return this.getModelsArray().some(test);
  }

  last(): M | undefined {
    return this.getModelsArray().at(-1);
  }

  serialize(): Record<string, unknown>[] {
    return this.map((model) => model.serialize());
  }

  on(names: string, handler: (...args: unknown[]) => unknown, context?: unknown): this {
    this.#events.on(names, handler, context);
    return this;
  }

  once(names: string, handler: (...args: unknown[]) => unknown, context?: unknown): this {
    this.#events.once(names, handler, context);
    return this;
  }

  off(names?: string, handler?: (...args: unknown[]) => unknown): this {
    this.#events.off(names, handler);
    return this;
  }

  trigger(name: string, ...args: unknown[]): this {
    this.#events.trigger(name, ...args);
    return this;
  }
}
