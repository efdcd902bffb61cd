import { Agent } from 'undici';
import { ForbiddenUrlError, publicLookup, type AddressPolicy, type Resolver } from './address-policy.js';

const CONNECT_TIMEOUT_MS = 5_000;
const ANSWER_TIMEOUT_MS = 15_000;

export interface GuardedAgentOptions {
  /** Most connections to one origin; null: no limit, when the caller has one. */
  connections: number | null;
  /** How long an idle connection stays open. */
  keepAliveMs: number;
  resolver?: Resolver | undefined;
}

/** Connects to addresses that the policy allows, whatever a name resolves to, with bounded waits and headers. */
export function guardedAgent(
  policy: AddressPolicy,
  { connections, keepAliveMs, resolver }: GuardedAgentOptions,
): Agent {
  return new Agent({
    connect: { lookup: publicLookup(policy, resolver), timeout: CONNECT_TIMEOUT_MS },
    headersTimeout: ANSWER_TIMEOUT_MS,
    bodyTimeout: ANSWER_TIMEOUT_MS,
    maxHeaderSize: 16_384,
    connections,
    keepAliveTimeout: keepAliveMs,
  });
}

/** Whether a request failed at the guard; with several addresses Node tries each and wraps what it got. */
export function isForbidden(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isForbidden);
  if (!(error instanceof Error)) return false;
  return error instanceof ForbiddenUrlError || isForbidden(error.cause);
}
