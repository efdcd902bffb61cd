import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { S3Error } from './s3-error.js';

const ALGORITHM = 'AWS4-HMAC-SHA256';
const LONGEST_SKEW_MS = 15 * 60_000;
const LONGEST_VALIDITY_S = 7 * 24 * 3_600;
const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD';

export interface Keys {
  accessKey: string;
  secretKey: string;
}

interface Claim {
  credential: string;
  signedHeaders: string[];
  signature: string;
  /** `20260131T235959Z` */
  date: string;
  /** What the client signed as the hash of the body. */
  payloadHash: string;
  /** Only of a presigned url. */
  expiresInS?: number;
}

const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function readHeaderClaim(request: IncomingMessage, authorization: string): Claim {
  const [, algorithm, rest = ''] = /^(\S+)\s+(.*)$/.exec(authorization) ?? [];
  const fields = new Map(rest.split(/,\s*/).map((field) => field.split('=', 2) as [string, string]));
  const [credential, names, signature] = ['Credential', 'SignedHeaders', 'Signature'].map((name) =>
    fields.get(name),
  );
  const date = request.headers['x-amz-date'];
  const payloadHash = request.headers['x-amz-content-sha256'];
  if (algorithm !== ALGORITHM || !credential || !names || !signature) {
    throw new S3Error('AuthorizationHeaderMalformed', `Only ${ALGORITHM} is understood.`);
  }
  if (typeof date !== 'string' || typeof payloadHash !== 'string') {
    throw new S3Error('AccessDenied', 'x-amz-date and x-amz-content-sha256 are needed.');
  }
  return { credential, signedHeaders: names.split(';'), signature, date, payloadHash };
}

function readQueryClaim(query: URLSearchParams): Claim {
  const field = (name: string): string => {
    const value = query.get(name);
    if (value === null) throw new S3Error('AccessDenied', `${name} is missing.`);
    return value;
  };
  if (field('X-Amz-Algorithm') !== ALGORITHM)
    throw new S3Error('AccessDenied', `Only ${ALGORITHM} is understood.`);
  return {
    credential: field('X-Amz-Credential'),
    signedHeaders: field('X-Amz-SignedHeaders').split(';'),
    signature: field('X-Amz-Signature'),
    date: field('X-Amz-Date'),
    payloadHash: UNSIGNED_PAYLOAD,
    expiresInS: Number(field('X-Amz-Expires')),
  };
}

function parseDate(date: string): number {
  const iso = date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z');
  const time = Date.parse(iso);
  if (Number.isNaN(time)) throw new S3Error('AccessDenied', 'The date of the signature is malformed.');
  return time;
}

function assertTimely({ date, expiresInS }: Claim): void {
  const ageMs = Date.now() - parseDate(date);
  if (ageMs < -LONGEST_SKEW_MS || (expiresInS === undefined && ageMs > LONGEST_SKEW_MS)) {
    throw new S3Error('RequestTimeTooSkewed', 'The request time and the server time differ too much.');
  }
  if (expiresInS === undefined) return;
  const isValid = expiresInS > 0 && expiresInS <= LONGEST_VALIDITY_S;
  if (!isValid || ageMs > expiresInS * 1_000) throw new S3Error('AccessDenied', 'Request has expired');
}

/** Source: AWS, "Create a signed AWS API request", steps 1 to 4; paths of S3 are encoded once. */
function sign(request: IncomingMessage, query: URLSearchParams, claim: Claim, secretKey: string): Buffer {
  const [, day = '', region = '', service = '', end = ''] = claim.credential.split('/');
  // Not URL's pathname, in which `..` is resolved already.
  const [rawPath = ''] = (request.url ?? '').split('?');
  const path = rawPath
    .split('/')
    .map((part) => encode(decodePart(part)))
    .join('/');
  const sortedQuery = [...query]
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join('&');
  const headers = claim.signedHeaders.map((name) => {
    const value = request.headers[name];
    return `${name}:${String(value ?? '')
      .trim()
      .replace(/ +/g, ' ')}\n`;
  });
  const canonical = [
    request.method,
    path,
    sortedQuery,
    headers.join(''),
    claim.signedHeaders.join(';'),
    claim.payloadHash,
  ];
  const scope = [day, region, service, end].join('/');
  const text = [ALGORITHM, claim.date, scope, sha256(canonical.join('\n'))].join('\n');
  const key = hmac(hmac(hmac(hmac(`AWS4${secretKey}`, day), region), service), end);
  return hmac(key, text);
}

export function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new S3Error('InvalidURI', 'The path could not be decoded.');
  }
}

/**
 * Checks a request's Signature Version 4, in its headers or in a presigned url.
 * @returns the sha256 that the body must have, undefined when the client left the body unsigned
 * @throws S3Error for an unsigned, outdated or wrongly signed request
 */
export function verifySignature(
  request: IncomingMessage,
  query: URLSearchParams,
  keys: Keys,
): string | undefined {
  const { authorization } = request.headers;
  const isPresigned = query.has('X-Amz-Signature');
  if (!authorization && !isPresigned) throw new S3Error('AccessDenied', 'Access Denied');
  if (authorization && isPresigned) throw new S3Error('InvalidArgument', 'Only one auth mechanism allowed');
  const claim = authorization ? readHeaderClaim(request, authorization) : readQueryClaim(query);
  const [accessKey, day, , service, end] = claim.credential.split('/');
  if (accessKey !== keys.accessKey) throw new S3Error('InvalidAccessKeyId', 'The access key does not exist.');
  const isScoped = day === claim.date.slice(0, 8) && service === 's3' && end === 'aws4_request';
  if (!isScoped || !claim.signedHeaders.includes('host')) {
    throw new S3Error('AuthorizationHeaderMalformed', 'The scope of the signature is wrong.');
  }
  assertTimely(claim);
  const given = Buffer.from(claim.signature, 'hex');
  const expected = sign(request, query, claim, keys.secretKey);
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    throw new S3Error(
      'SignatureDoesNotMatch',
      'The request signature does not match the signature you provided.',
    );
  }
  if (claim.payloadHash === UNSIGNED_PAYLOAD) return undefined;
  if (/^[0-9a-f]{64}$/.test(claim.payloadHash)) return claim.payloadHash;
  throw new S3Error('NotImplemented', 'Bodies signed in chunks are not supported.');
}
