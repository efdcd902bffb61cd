import { STATUS_CODES } from 'node:http';
import type { OpenAPIObject } from '@nestjs/swagger';
import { ERROR_STATUS, type ErrorCode } from '#contracts';
import { API_PREFIX } from '../request.js';
import { PROBLEM_SCHEMA, RESPONSE_HEADERS } from './components.js';

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
const BY_KEY: ErrorCode[] = ['invalid_request', 'idempotency_key_reused', 'idempotency_in_progress'];

const IDEMPOTENCY_HEADER = {
  in: 'header',
  name: 'Idempotency-Key',
  required: false,
  description:
    'Up to 255 printable characters of your own. Repeating the request with it changes nothing and gives the first answer again for 7 days, with `Idempotent-Replayed: true`: what it made as it was then (a message: `queued`), and without a secret. `wait` is not part of the request: with it a message is shown as it is now.',
  schema: { type: 'string', minLength: 1, maxLength: 255 },
};

/** Writes into the document what follows from each operation's marks: errors, headers, the Idempotency-Key. */
export function completeDocument(document: OpenAPIObject): OpenAPIObject {
  const components = (document.components ??= {});
  components.schemas = { ...components.schemas, Problem: PROBLEM_SCHEMA };
  components.headers = RESPONSE_HEADERS;
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
  const headerNames = Object.keys(RESPONSE_HEADERS).filter((name) => isLimited || name === 'X-Request-Id');
  const headers = Object.fromEntries(
    headerNames.map((name) => [name, { $ref: `#/components/headers/${name}` }]),
  );
  for (const response of Object.values(operation.responses))
    response.headers = { ...headers, ...response.headers };
  const codes = codesOf(operation, isByKey, isLimited);
  operation['x-problems'] = codes;
  for (const status of new Set(codes.map((code) => ERROR_STATUS[code]))) {
    const ofStatus = codes.filter((code) => ERROR_STATUS[code] === status);
    operation.responses[String(status)] ??= problemResponse(status, ofStatus);
  }
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

function problemResponse(status: number, codes: ErrorCode[]) {
  const example = {
    type: `urn:wagate:problem:${codes[0] ?? 'internal'}`,
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail: 'What is wrong with this request',
    code: codes[0],
    requestId: 'req_01k2m3n4p5q6r7s8t9v0w1x2y3',
  };
  return {
    description: codes.map((code) => `\`${code}\``).join(', '),
    headers: { 'X-Request-Id': { $ref: '#/components/headers/X-Request-Id' } },
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' }, example } },
  };
}
