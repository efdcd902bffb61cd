import { describeError, isNameless } from '../describe-error.js';
import type { Shim } from './shim.js';

/**
 * Current builds throw one-letter error classes without a message, so failures read `t: t`. Nothing in the page can
 * be healed; this notes that such an error was met, and puts it into words.
 */
export const errorNamesShim: Shim & { seen: boolean; describe(error: unknown, place: string): string } = {
  name: 'error-names',
  when: 'early',
  seen: false,
  apply() {
    return this.seen;
  },
  describe(error, place) {
    this.seen ||= isNameless(error);
    return describeError(error, place);
  },
};
