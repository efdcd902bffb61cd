import { applyDecorators, createParamDecorator, SetMetadata, type ExecutionContext } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiExtension, ApiSecurity } from '@nestjs/swagger';
import type { Scope } from '#contracts';
import { AppError } from '#kernel';
import type { ApiRequest } from '../http/request.js';
import type { AuthContext } from './auth-context.js';

export const SCOPES_KEY = 'wagate:scopes';
export const PUBLIC_KEY = 'wagate:public';

/** Lets anyone call the route. For methods (not classes): the request gate reads it before Nest does. */
export function Public(): MethodDecorator {
  return applyDecorators(
    SetMetadata(PUBLIC_KEY, true),
    RouteConfig({ public: true }),
    ApiExtension('x-scopes', []),
  );
}

/** The scopes a key needs for the route, all of them; `@Scopes()` lets any valid key in. */
export function Scopes(...scopes: Scope[]): MethodDecorator {
  return applyDecorators(
    SetMetadata(SCOPES_KEY, scopes),
    ApiExtension('x-scopes', scopes),
    ApiSecurity('bearer'),
    ApiSecurity('apiKey'),
  );
}

function authOf(context: ExecutionContext): AuthContext {
  const { auth } = context.switchToHttp().getRequest<ApiRequest>();
  if (!auth) throw new AppError('unauthenticated', 'a valid API key is required');
  return auth;
}

/** The AuthContext of the key that asks. */
export const CurrentKey = createParamDecorator((_: unknown, context: ExecutionContext): AuthContext =>
  authOf(context),
);

/** The id of the tenant that asks. */
export const CurrentTenant = createParamDecorator(
  (_: unknown, context: ExecutionContext): string => authOf(context).tenantId,
);
