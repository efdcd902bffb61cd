import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { ApiRequest } from '../http/index.js';
import type { Actor } from './audit-log.js';

/** Parameter decorator: who acts, for the audit log. */
export const CurrentActor = createParamDecorator((_: unknown, context: ExecutionContext): Actor => {
  const request = context.switchToHttp().getRequest<ApiRequest>();
  return { actor: request.auth?.keyId ?? 'anonymous', requestId: request.id, ip: request.ip };
});
