import type { SessionMode } from '#contracts';
import { AppError } from '#kernel';
import { assertRouteArgs } from './launch-options.js';

const ROUTE_TIMEOUT_MS = 10_000;

/**
 * Where a session's browser finds WhatsApp. A live session gets no arguments, ever; a test session gets those of
 * the simulator.
 * @throws AppError `service_unavailable` without a simulator, or when it does not answer
 */
export async function routeArgs(mode: SessionMode, simulatorUrl: string | undefined): Promise<string[]> {
  if (mode === 'live') return [];
  if (simulatorUrl === undefined) {
    throw new AppError('service_unavailable', 'This node has no simulator for test sessions (SIMULATOR_URL)');
  }
  const response = await fetch(new URL('/browser-route', simulatorUrl), {
    signal: AbortSignal.timeout(ROUTE_TIMEOUT_MS),
    redirect: 'error',
  });
  if (!response.ok) {
    await response.body?.cancel();
    throw new AppError('service_unavailable', `the simulator answered with status ${response.status}`);
  }
  const { args } = (await response.json()) as { args?: unknown };
  return assertRouteArgs(args);
}
