import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { SIGNATURE_HEADERS, SIGNATURE_MAX_SKEW_SECONDS } from '#contracts';

export interface SignedParts {
  method: string;
  /** Path with query, as sent. */
  path: string;
  body: string | Uint8Array;
}

function signatureOf(secret: string, parts: SignedParts, timestamp: string, nonce: string): string {
  const bodyHash = createHash('sha256').update(parts.body).digest('hex');
  const signed = [parts.method.toUpperCase(), parts.path, bodyHash, timestamp, nonce].join('\n');
  return `v1=${createHmac('sha256', secret).update(signed).digest('hex')}`;
}

/** Headers that sign one internal request; see `signature.ts` in the contracts. */
export function signRequest(secret: string, parts: SignedParts, now = Date.now()): Record<string, string> {
  const timestamp = String(Math.floor(now / 1000));
  const nonce = randomBytes(16).toString('base64url');
  return {
    [SIGNATURE_HEADERS.timestamp]: timestamp,
    [SIGNATURE_HEADERS.nonce]: nonce,
    [SIGNATURE_HEADERS.signature]: signatureOf(secret, parts, timestamp, nonce),
  };
}

/** Verifies internal requests; refuses wrong, old and repeated ones. One per process, as it remembers nonces. */
export class SignatureVerifier {
  private readonly seen = new Map<string, number>();

  constructor(private readonly secret: string) {}

  /**
   * Whether the headers are those of a request signed within the allowed skew, as far as can be told without its body:
   * what fails here need not be read any further.
   */
  looksSigned(headers: Record<string, unknown>, now = Date.now()): boolean {
    return claimOf(headers, now) !== undefined;
  }

  /** True when the request was signed with our secret within the allowed skew, for the first time. */
  verify(parts: SignedParts, headers: Record<string, unknown>, now = Date.now()): boolean {
    const claim = claimOf(headers, now);
    if (!claim) return false;
    const { timestamp, nonce, given } = claim;
    const expected = Buffer.from(signatureOf(this.secret, parts, timestamp, nonce));
    const offered = Buffer.from(given);
    if (expected.length !== offered.length || !timingSafeEqual(expected, offered)) return false;
    return this.isFirst(nonce, now);
  }

  private isFirst(nonce: string, now: number): boolean {
    for (const [known, until] of this.seen) {
      if (until > now) break;
      this.seen.delete(known);
    }
    if (this.seen.has(nonce)) return false;
    this.seen.set(nonce, now + 2 * SIGNATURE_MAX_SKEW_SECONDS * 1000);
    return true;
  }
}

interface Claim {
  timestamp: string;
  nonce: string;
  given: string;
}

function claimOf(headers: Record<string, unknown>, now: number): Claim | undefined {
  const timestamp = headers[SIGNATURE_HEADERS.timestamp];
  const nonce = headers[SIGNATURE_HEADERS.nonce];
  const given = headers[SIGNATURE_HEADERS.signature];
  if (typeof timestamp !== 'string' || typeof nonce !== 'string' || typeof given !== 'string')
    return undefined;
  if (!/^\d{1,12}$/.test(timestamp) || !/^[\w-]{22}$/.test(nonce)) return undefined;
  if (!/^v1=[0-9a-f]{64}$/.test(given)) return undefined;
  if (Math.abs(now / 1000 - Number(timestamp)) > SIGNATURE_MAX_SKEW_SECONDS) return undefined;
  return { timestamp, nonce, given };
}
