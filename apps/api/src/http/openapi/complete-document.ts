import type { OpenAPIObject } from '@nestjs/swagger';
import { ERROR_STATUS, type ErrorCode } from '#contracts';
import { API_PREFIX } from '../request.js';
import { OTHER_HEADERS, PROBLEM_SCHEMA, RESPONSE_HEADERS, type OtherHeader } from './components.js';
import { PROBLEM_EXAMPLES } from './problem-examples.js';

/** An operation of the document, as far as it is touched here. */
interface DocumentedOperation {
  requestBody?: { content?: Record<string, unknown> };
  parameters?: { in: string; name: string }[];
  responses: Record<string, { description: string; headers?: object; content?: object }>;
  security?: object[];
  'x-scopes'?: string[];
  'x-idempotent'?: string;
  'x-problems'?: ErrorCode[];
  'x-other-types'?: string[];
  'x-located'?: boolean;
}

const METHODS = ['get', 'put', 'post', 'delete', 'patch'] as const;
const EVERYWHERE: ErrorCode[] = ['internal', 'service_unavailable'];
const WITH_KEY: ErrorCode[] = ['unauthenticated', 'forbidden', 'tenant_suspended'];
const WITH_BODY: ErrorCode[] = [
  'invalid_request',
  'invalid_json',
  'payload_too_large',
  'unsupported_media_type',
];
/** Answered with a `Retry-After`, at least where that can be said. */
const WITH_RETRY_AFTER: ReadonlySet<ErrorCode> = new Set([
  'rate_limited',
  'daily_limit_reached',
  'pairing_limit_reached',
  'stream_limit_reached',
  'idempotency_in_progress',
  'qr_not_available',
  'service_unavailable',
  'node_unavailable',
  'capacity_exhausted',
]);
const BY_KEY: ErrorCode[] = ['invalid_request', 'idempotency_key_reused', 'idempotency_in_progress'];

const IDEMPOTENCY_HEADER = {
  in: 'header',
  name: 'Idempotency-Key',
  required: false,
  description:
    'Up to 255 printable characters of your own. Repeating this request with it changes nothing and gives the first answer again for 7 days, with `Idempotent-Replayed: true`: what it made as it was then (a message: `queued`), and without a secret. `wait` is not part of the request: with it a message is shown as it is now. Used for this operation with another query, body or id in the path, or by an API key that is bound to other sessions, it is refused with `idempotency_key_reused`. It belongs to this operation alone: the same request at another path, as at `POST /messages` after `POST /messages/send-text`, is another one and is carried out too.',
  schema: { type: 'string', minLength: 1, maxLength: 255 },
};

/** Writes into the document what follows from each operation's marks: errors, headers, the Idempotency-Key. */
export function completeDocument(document: OpenAPIObject): OpenAPIObject {
  const components = (document.components ??= {});
  components.schemas = { ...components.schemas, Problem: PROBLEM_SCHEMA };
  components.headers = { ...RESPONSE_HEADERS, ...OTHER_HEADERS };
  components.examples = PROBLEM_EXAMPLES;
  for (const [url, path] of Object.entries(document.paths)) {
    for (const method of METHODS) {
      const operation = path[method] as unknown as DocumentedOperation | undefined;
      if (operation) completeOperation(operation, url.startsWith(`${API_PREFIX}/`));
    }
  }
  return document;
}

/** @param isLimited whether the rate limits stand before it, as they do before everything below the API's prefix */
function completeOperation(operation: DocumentedOperation, isLimited: boolean): void {
  const isByKey = operation['x-idempotent'] === 'by_key';
  addOtherTypes(operation);
  if (isByKey) operation.parameters = [...(operation.parameters ?? []), IDEMPOTENCY_HEADER];
  const everywhere = Object.keys(RESPONSE_HEADERS).filter((name) => isLimited || name === 'X-Request-Id');
  const ofSuccess: OtherHeader[] = [
    ...(operation['x-located'] ? (['Location'] as const) : []),
    ...(isByKey ? (['Idempotent-Replayed'] as const) : []),
  ];
  delete operation['x-located'];
  for (const response of Object.values(operation.responses))
    response.headers = { ...headersOf([...everywhere, ...ofSuccess]), ...response.headers };
  const codes = codesOf(operation, isByKey, isLimited);
  operation['x-problems'] = codes;
  for (const status of new Set(codes.map((code) => ERROR_STATUS[code]))) {
    const ofStatus = codes.filter((code) => ERROR_STATUS[code] === status);
    operation.responses[String(status)] ??= problemResponse(status, ofStatus, everywhere);
  }
}

function headersOf(names: readonly string[]): Record<string, { $ref: string }> {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}

/** Writes out the mark of an answer that comes in several content types. */
function addOtherTypes(operation: DocumentedOperation): void {
  const types = operation['x-other-types'] ?? [];
  delete operation['x-other-types'];
  for (const response of Object.values(operation.responses)) {
    const others = types.map((type) => [type, { schema: schemaOf(type) }] as const);
    if (others.length > 0) response.content = { ...response.content, ...Object.fromEntries(others) };
  }
}

function schemaOf(contentType: string): object {
  const isText = contentType.startsWith('text/') || contentType.endsWith('+xml');
  return isText ? { type: 'string' } : { type: 'string', format: 'binary' };
}

function codesOf(operation: DocumentedOperation, isByKey: boolean, isLimited: boolean): ErrorCode[] {
  const scopes = operation['x-scopes'] ?? [];
  const hasInput = (operation.parameters ?? []).some(
    ({ in: place }) => place === 'query' || place === 'path',
  );
  const codes = new Set<ErrorCode>([
    ...(operation['x-problems'] ?? []),
    ...(operation.security ? WITH_KEY : []),
    ...(scopes.length > 0 ? (['insufficient_scope'] as const) : []),
    ...(operation.requestBody ? WITH_BODY : []),
    ...(hasInput ? (['invalid_request'] as const) : []),
    ...(isByKey ? BY_KEY : []),
    ...(isLimited ? (['rate_limited'] as const) : []),
    ...EVERYWHERE,
  ]);
  return [...codes].sort((a, b) => ERROR_STATUS[a] - ERROR_STATUS[b] || (a < b ? -1 : 1));
}

function problemResponse(status: number, codes: ErrorCode[], everywhere: string[]) {
  const names = [
    ...everywhere,
    ...(codes.some((code) => WITH_RETRY_AFTER.has(code)) ? ['Retry-After'] : []),
    ...(status === 401 ? ['WWW-Authenticate'] : []),
  ];
  const examples = Object.fromEntries(codes.map((code) => [code, { $ref: `#/components/examples/${code}` }]));
  return {
    description: codes.map((code) => `\`${code}\``).join(', '),
    headers: headersOf(names),
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' }, examples } },
  };
}
