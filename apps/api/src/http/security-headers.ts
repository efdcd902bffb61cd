import type { ApiConfig } from '../config.js';
import type { ApiReply, ApiRequest } from './request.js';

const DOCS = /^\/docs(\/|$|\?)/;
const DOCS_POLICY =
  "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";
const API_POLICY = "default-src 'none'; frame-ancestors 'none'";

/** Headers that tell browsers to do nothing clever with our answers. A route may set its own after. */
export function setSecurityHeaders(
  request: Pick<ApiRequest, 'url'>,
  reply: ApiReply,
  { PUBLIC_URL }: Pick<ApiConfig, 'PUBLIC_URL'>,
): void {
  const isDocs = DOCS.test(request.url);
  const isSecure = PUBLIC_URL?.startsWith('https:') ?? false;
  void reply.headers({
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'X-Frame-Options': 'DENY',
    'Content-Security-Policy': isDocs ? DOCS_POLICY : API_POLICY,
    ...(isDocs ? {} : { 'Cache-Control': 'no-store' }),
    ...(isSecure ? { 'Strict-Transport-Security': 'max-age=31536000' } : {}),
  });
}
