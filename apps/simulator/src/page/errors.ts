import { is2026 } from './boot.js';

/** As the 2026-09 build minifies it: a class of one letter that carries no message. */
class t extends Error {
  status: number | undefined;
  constructor(status?: number) {
    super();
    this.status = status;
  }
}
Object.defineProperty(t.prototype, 'name', { value: 't' });

class PageError extends Error {
  constructor(
    message: string,
    override readonly name: string,
    readonly status: number | undefined,
  ) {
    super(message);
  }
}

/**
 * An error as page code throws it. `ServerStatusCodeError` is what the library looks for when the server
 * refused; the 2026-09 build tells neither name nor message.
 */
export function pageError(message: string, options: { name?: string; status?: number } = {}): Error {
  return is2026 ? new t(options.status) : new PageError(message, options.name ?? 'Error', options.status);
}

/** What IndexedDB throws for a key that is no key, e.g. `undefined`; minified away in the 2026-09 build. */
export function dataError(): Error {
  if (!is2026) return new DOMException('The parameter is not a valid key.', 'DataError');
  return new r();
}

class r extends Error {}
Object.defineProperty(r.prototype, 'name', { value: 'r' });
