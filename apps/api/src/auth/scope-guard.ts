import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Scope } from '#contracts';
import { AppError } from '#kernel';
import type { ApiRequest } from '../http/request.js';
import { hasScope } from './auth-context.js';
import { PUBLIC_KEY, SCOPES_KEY } from './decorators.js';

/** Lets a request through when its key has the route's scopes. A route that names none at all is closed. */
@Injectable()
export class ScopeGuard implements CanActivate {
  constructor(private readonly reflector: Reflector) {}

  canActivate(context: ExecutionContext): boolean {
    if (this.reflector.get<boolean | undefined>(PUBLIC_KEY, context.getHandler())) return true;
    const { auth } = context.switchToHttp().getRequest<ApiRequest>();
    if (!auth) throw new AppError('unauthenticated', 'a valid API key is required');
    const needed = this.reflector.get<Scope[] | undefined>(SCOPES_KEY, context.getHandler());
    const missing = needed?.filter((scope) => !hasScope(auth, scope));
    if (missing?.length === 0) return true;
    throw new AppError(
      'insufficient_scope',
      missing ? `this needs the scope ${missing.join(', ')}` : 'this is closed',
    );
  }
}
