import { randomInt } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { KEY_MODES, type KeyMode } from '#contracts';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const PUBLIC_ID_CHARS = 10;
/** 43 characters of base 62 are 256 bits. */
const SECRET_CHARS = 43;
const CHECKSUM_CHARS = 6;

const PATTERN = new RegExp(
  `^wg_(${KEY_MODES.join('|')})_([0-9A-Za-z]{8,12})_([0-9A-Za-z]{${SECRET_CHARS}})([0-9A-Za-z]{${CHECKSUM_CHARS}})$`,
);

export interface NewApiKey {
  /** The whole key; shown once, never stored. */
  key: string;
  publicId: string;
}

/** A new random key: `wg_<mode>_<public id>_<secret><checksum>`. */
export function generateApiKey(mode: KeyMode): NewApiKey {
  const publicId = randomText(PUBLIC_ID_CHARS);
  const body = `wg_${mode}_${publicId}_${randomText(SECRET_CHARS)}`;
  return { key: body + checksumOf(body), publicId };
}

/**
 * Mode and public id of a well-formed key, undefined for anything else. The checksum (CRC-32 in base 62) lets typing
 * errors be refused, and leaked keys be recognised, without asking the database.
 */
export function parseApiKey(key: string): { mode: KeyMode; publicId: string } | undefined {
  const match = PATTERN.exec(key);
  if (!match) return undefined;
  const body = key.slice(0, -CHECKSUM_CHARS);
  if (checksumOf(body) !== match[4]) return undefined;
  return { mode: match[1] as KeyMode, publicId: match[2] ?? '' };
}

function checksumOf(body: string): string {
  let rest = crc32(body);
  let text = '';
  for (let i = 0; i < CHECKSUM_CHARS; i += 1) {
    text = (ALPHABET[rest % 62] ?? '') + text;
    rest = Math.floor(rest / 62);
  }
  return text;
}

function randomText(length: number): string {
  return Array.from({ length }, () => ALPHABET[randomInt(62)]).join('');
}
