import { applyDecorators, HttpCode, type Type } from '@nestjs/common';
import { ApiExtension, ApiOperation, ApiResponse } from '@nestjs/swagger';
import type { ErrorCode } from '#contracts';

/**
 * `safe`: reads only. `idempotent`: repeating it changes nothing more. `by_key`: repeating it with the same
 * Idempotency-Key does. `not_idempotent`: each call does it again.
 */
export type Idempotence = 'safe' | 'idempotent' | 'by_key' | 'not_idempotent';

export interface OperationOptions {
  /** One line, imperative: `Send a message`. */
  summary: string;
  /** Markdown. */
  description: string;
  idempotent: Idempotence;
  answer: {
    status: number;
    /** A DTO made by `createZodDto`; left out when there is no body. */
    type?: Type<unknown> & { Output?: unknown };
    /** A realistic body; needed wherever there is a JSON one. */
    example?: unknown;
    description?: string;
    /** Set for an answer that is not JSON. */
    contentType?: string;
    /** Further content types, for an answer that is JSON unless the request wants another form. */
    otherTypes?: string[];
    /** A `Location` header tells where what was made is. */
    located?: true;
  };
  /** Codes besides those that any operation can answer. */
  problems?: ErrorCode[];
}

/** Documents an operation and sets its status; the OpenAPI test demands it on every route. */
export function Operation(options: OperationOptions): MethodDecorator {
  const { summary, description, idempotent, answer, problems = [] } = options;
  return applyDecorators(
    HttpCode(answer.status),
    ApiOperation({ summary, description }),
    ApiExtension('x-idempotent', idempotent),
    ApiProblems(...problems),
    ApiExtension('x-other-types', answer.otherTypes ?? []),
    ApiExtension('x-located', answer.located ?? false),
    ApiResponse({ status: answer.status, description: answer.description ?? summary, ...bodyOf(answer) }),
  );
}

/** Names the error codes an operation answers; their descriptions are filled into the document. */
export function ApiProblems(...codes: ErrorCode[]): MethodDecorator {
  return ApiExtension('x-problems', codes) as MethodDecorator;
}

function bodyOf({ type, example, contentType }: OperationOptions['answer']): object {
  if (contentType) return { content: { [contentType]: { schema: { type: 'string', format: 'binary' } } } };
  if (!type) return {};
  return { type: type.Output ?? type, ...(example === undefined ? {} : { example }) };
}
