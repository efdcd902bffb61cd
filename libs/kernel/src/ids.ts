import { randomFillSync } from 'node:crypto';

/** Crockford's base 32 in lower case (no i, l, o, u): sorts as bytes do. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const TIME_CHARS = 10;
const RANDOM_CHARS = 16;

/** Random bytes are drawn for so many ids at once: a call for each costs more than all the rest of it. */
const pool = Buffer.alloc(RANDOM_CHARS * 64);
let poolUsed = pool.length;

let lastMs = 0;
let lastRandom: number[] = [];

/**
 * A new id: `<prefix>_` and 26 characters, the first ten being the time in milliseconds (layout of a ULID,
 * github.com/ulid/spec, in lower case). Ids made by one process sort in the order of their making, also
 * within a millisecond and when the clock steps back.
 */
export function newId<P extends string>(prefix: P, nowMs: number = Date.now()): `${P}_${string}` {
  if (!/^[a-z]{3}$/.test(prefix))
    throw new TypeError(`an id prefix is three lower-case letters, not "${prefix}"`);
  if (nowMs > lastMs) {
    lastMs = nowMs;
    lastRandom = Array.from(drawBytes(), (byte) => byte & 31);
    lastRandom[0] = (lastRandom[0] ?? 0) & 15;
  } else {
    increment(lastRandom);
  }
  return `${prefix}_${encodeTime(lastMs)}${lastRandom.map((digit) => ALPHABET[digit]).join('')}`;
}

/** What every id made before a time sorts before, and every one made at it or later after. */
export function idBoundary<P extends string>(prefix: P, timeMs: number): `${P}_${string}` {
  return `${prefix}_${encodeTime(Math.max(0, timeMs))}`;
}

/** Never the same bytes twice. */
function drawBytes(): Buffer {
  if (poolUsed === pool.length) {
    randomFillSync(pool);
    poolUsed = 0;
  }
  poolUsed += RANDOM_CHARS;
  return pool.subarray(poolUsed - RANDOM_CHARS, poolUsed);
}

function encodeTime(timeMs: number): string {
  let rest = timeMs;
  let text = '';
  for (let i = 0; i < TIME_CHARS; i += 1) {
    text = ALPHABET[rest % 32] + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}

/** The top bit of a fresh random part is 0, so 2^79 increments fit before it could overflow. */
function increment(digits: number[]): void {
  for (let i = digits.length - 1; i >= 0; i -= 1) {
    const digit = digits[i] ?? 0;
    if (digit < 31) {
      digits[i] = digit + 1;
      return;
    }
    digits[i] = 0;
  }
}
