import { AppError } from '#kernel';
import type { ByteRange } from '#media-store';

/**
 * Reads a `Range` header (RFC 9110 §14.2) for an object of `size` bytes. Undefined: answer the whole object, also for
 * several ranges or another unit, as the RFC allows.
 * @throws AppError `range_not_satisfiable`
 */
export function parseRange(header: string | undefined, size: number): Required<ByteRange> | undefined {
  const [, first, last] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? '') ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return undefined;
  if (first === '') {
    const length = Number(last);
    if (length === 0 || size === 0) throw unsatisfiable(size);
    return { start: Math.max(0, size - length), end: size - 1 };
  }
  const start = Number(first);
  if (last !== '' && Number(last) < start) return undefined;
  if (start >= size) throw unsatisfiable(size);
  return { start, end: last === '' ? size - 1 : Math.min(Number(last), size - 1) };
}

function unsatisfiable(size: number): AppError {
  return new AppError('range_not_satisfiable', `the file has ${String(size)} bytes`);
}

/** `Content-Disposition` of a download; the name in plain ASCII, and as RFC 8187 encodes it (RFC 6266 §4.3). */
export function attachmentNamed(filename: string): string {
  const ascii = filename.replace(/[^\x20-\x7e]|["\\%]/g, '_');
  const encoded = encodeURIComponent(filename).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`;
}
