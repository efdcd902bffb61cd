import { is2026 } from './boot.js';

/** As the 2026-09 build minifies them: classes of one letter that tell nothing. */
class OneLetterError extends Error {
  constructor(
    letter: string,
    readonly status: number | undefined,
  ) {
    super();
    Object.defineProperty(this, 'name', { value: letter, enumerable: false });
    Object.defineProperty(this, 'stack', { value: letter, enumerable: false });
  }
}

class t extends OneLetterError {
  constructor(status?: number) {
    super('t', status);
  }
}

class r extends OneLetterError {
  constructor() {
    super('r', undefined);
  }
}

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
 * refused; the 2026-09 build tells neither name nor message, so failures read `t: t`.
 */
export function pageError(message: string, options: { name?: string; status?: number } = {}): Error {
  return is2026 ? new t(options.status) : new PageError(message, options.name ?? 'Error', options.status);
}

/** What IndexedDB throws for a key that is no key, e.g. `undefined`; reads `r: r` in the 2026-09 build. */
export function dataError(): Error {
  return is2026 ? new r() : new DOMException('The parameter is not a valid key.', 'DataError');
}
