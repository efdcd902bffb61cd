import type { KeyMode, Scope } from '#contracts';
import { AppError } from '#kernel';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; set by the request gate before the body is read, undefined on public routes without a key. */
    auth?: AuthContext;
  }
}

/** Who asks, as far as an API key tells. */
export interface AuthContext {
  tenantId: string;
  keyId: string;
  /** `test` keys work on simulator sessions only, `live` keys on real ones only. */
  mode: KeyMode;
  scopes: readonly Scope[];
  /** The only sessions the key may use; null: all of the tenant. */
  sessionIds: readonly string[] | null;
  /** Requests per minute of this key and of its tenant; null: the default of the process. */
  limits: { keyPerMinute: number | null; tenantPerMinute: number | null };
}

/** `admin` implies every other scope. */
export function hasScope(auth: AuthContext, scope: Scope): boolean {
  return auth.scopes.includes(scope) || auth.scopes.includes('admin');
}

/** Throws AppError `session_not_allowed` when the key is bound to other sessions. */
export function assertSessionAllowed(auth: AuthContext, sessionId: string): void {
  if (auth.sessionIds !== null && !auth.sessionIds.includes(sessionId)) {
    throw new AppError('session_not_allowed', 'this API key may not use this session');
  }
}
