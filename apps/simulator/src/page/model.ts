import { Emitter } from './events.js';

export type Attributes = Record<string, unknown>;
const PREFIX = '__x_';

interface EventSink {
  trigger(name: string, ...args: unknown[]): unknown;
}

/**
 * A model as WhatsApp Web has them: every attribute `x` is an own enumerable field `__x_x` behind an accessor `x`
 * on the prototype. So spreading a model gives the `__x_` fields, and constructing one from a spread model takes
 * these fields over as they are, after the plain attributes that come before them.
 */
export class Model {
  readonly #events = new Emitter();
  readonly #owners = new Set<EventSink>();

  constructor(attributes: Attributes = {}) {
    for (const [name, value] of Object.entries(attributes)) this.#store(name, value);
  }

  set(attributes: Attributes, options: { silent?: boolean } = {}): this {
    const changed: [string, unknown, unknown][] = [];
    for (const [name, value] of Object.entries(attributes)) {
      const previous = this.#read(name);
      if (Object.is(previous, value)) continue;
      this.#store(name, value);
      changed.push([name, value, previous]);
    }
    if (options.silent === true || changed.length === 0) return this;
    for (const [name, value, previous] of changed) this.trigger(`change:${name}`, this, value, previous);
    this.trigger('change', this);
    return this;
  }

  unsafe(): this {
    return this;
  }

  serialize(): Attributes {
    const plain: Attributes = {};
    for (const [field, value] of Object.entries(this)) {
      if (!field.startsWith(PREFIX) || value === undefined || typeof value === 'function') continue;
      plain[field.slice(PREFIX.length)] = isSerializable(value) ? value.serialize() : value;
    }
    return plain;
  }

  toJSON(): Attributes {
    const plain: Attributes = {};
    for (const [field, value] of Object.entries(this)) {
      if (field.startsWith(PREFIX) && value !== undefined) plain[field.slice(PREFIX.length)] = value;
    }
    return plain;
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

  hasListener(name: string): boolean {
    return this.#events.hasListener(name);
  }

  trigger(name: string, ...args: unknown[]): this {
    this.#events.trigger(name, ...args);
    for (const owner of this.#owners) owner.trigger(name, ...args);
    return this;
  }

  /** The collection hears this model's events. */
  addOwner(owner: EventSink): void {
    this.#owners.add(owner);
  }

  removeOwner(owner: EventSink): void {
    this.#owners.delete(owner);
  }

  #read(name: string): unknown {
    return (this as unknown as Attributes)[PREFIX + name];
  }

  #store(name: string, value: unknown): void {
    const fields = this as unknown as Attributes;
    if (name.startsWith(PREFIX)) {
      fields[name] = value;
      return;
    }
    fields[PREFIX + name] = value;
    if (name in this) return;
    Object.defineProperty(Object.getPrototypeOf(this), name, {
      configurable: true,
      get(this: Attributes) {
        return this[PREFIX + name];
      },
      set(this: Model, next: unknown) {
        this.set({ [name]: next });
      },
    });
  }
}

function isSerializable(value: unknown): value is { serialize(): unknown } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'serialize' in value &&
    typeof value.serialize === 'function'
  );
}
