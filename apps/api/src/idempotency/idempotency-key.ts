import { hash } from 'node:crypto';
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { AppError } from '#kernel';
import { routeOf, type ApiRequest } from '../http/request.js';

/** What makes two requests the same: sent under one key, for one operation, with one content. */
export interface IdempotentRequest {
  /** The caller's Idempotency-Key. */
  key: string;
  /** Method and route pattern, apart for test keys: one key may be used for different operations. */
  operation: string;
  /**
   * SHA-256 of the API key's sessions, path parameters, query without `wait`, and body, independent of the order of
   * fields.
   */
  requestHash: Buffer;
  /** Hashes under which earlier versions may have stored the same request: they counted `wait` as part of it. */
  formerHashes: () => Buffer[];
}

/** Levels of a body; no operation has a use for as many. */
const DEEPEST = 100;

/** Values of `wait`, which says how long the answer is held and nothing of what is done. */
const WAITS = ['sent', 'delivered'];

const KEY = /^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$/;

/** Parameter decorator: the request's IdempotentRequest, or undefined when it carries no Idempotency-Key. */
export const Idempotency = createParamDecorator(
  (_: unknown, context: ExecutionContext): IdempotentRequest | undefined =>
    idempotentRequestOf(context.switchToHttp().getRequest<ApiRequest>()),
);

/**
 * @param content what is hashed beside path and query; the parsed body unless told. For a multipart upload its fields
 *   and the hash of its file.
 * @throws AppError `invalid_request` for a malformed key
 */
export function idempotentRequestOf(
  request: ApiRequest,
  content: unknown = request.body,
): IdempotentRequest | undefined {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return undefined;
  if (typeof key !== 'string' || !KEY.test(key) || isRepeated(request)) {
    throw new AppError('invalid_request', 'the Idempotency-Key header is not valid', {
      details: [
        {
          path: 'headers.idempotency-key',
          message: 'must be one value of 1 to 255 printable ASCII characters',
        },
      ],
    });
  }
  const { auth } = request;
  // Which session is meant when none is named depends on those the API key is bound to.
  const sessionIds = auth?.sessionIds ? [...auth.sessionIds].sort() : null;
  const { wait: _, ...query } = request.query as Record<string, unknown>;
  const hashOf = (parameters: object) =>
    hash('sha256', canonicalJson([sessionIds, request.params, parameters, content ?? null]), 'buffer');
  const operation = `${request.method} ${routeOf(request)}`;
  return {
    key,
    operation: auth?.mode === 'test' ? `test ${operation}` : operation,
    requestHash: hashOf(query),
    formerHashes: () => WAITS.map((wait) => hashOf({ ...query, wait })),
  };
}

/** Node joins the values of a header that is sent more than once. */
function isRepeated({ headers, raw }: ApiRequest): boolean {
  return (
    headers['idempotency-key']?.includes(', ') === true &&
    raw.headersDistinct['idempotency-key']?.length !== 1
  );
}

/** JSON with the fields of every object in alphabetical order. @throws AppError `invalid_request` when it goes too deep */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(inOrder(value));
}

function inOrder(value: unknown, depth = 0): unknown {
  if (value === null || typeof value !== 'object') return value;
  if (depth > DEEPEST)
    throw new AppError('invalid_request', `the body must not go deeper than ${String(DEEPEST)} levels`);
  if (Array.isArray(value)) return value.map((one) => inOrder(one, depth + 1));
  // Without a prototype, so that every name is one of its own.
  const ordered = Object.create(null) as Record<string, unknown>;
  for (const name of Object.keys(value).sort())
    ordered[name] = inOrder((value as Record<string, unknown>)[name], depth + 1);
  return ordered;
}
