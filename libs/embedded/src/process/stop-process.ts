import { setTimeout as delay } from 'node:timers/promises';
import { findProcess, isProcessAlive, type ProcessIdentity } from './process-identity.js';

const POLL_MS = 20;

/** One step of an ending: the signal, and how long the process may take to heed it. */
export interface StopStep {
  signal: NodeJS.Signals;
  graceMs: number;
  /** Signal the whole process group that the process leads. */
  group?: boolean;
}

function signalProcess(pid: number, signal: NodeJS.Signals, group: boolean): void {
  try {
    process.kill(group ? -pid : pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function isGoneWithin(identity: ProcessIdentity, graceMs: number): Promise<boolean> {
  const deadline = performance.now() + graceMs;
  while (isProcessAlive(identity)) {
    if (performance.now() > deadline) return false;
    await delay(POLL_MS);
  }
  return true;
}

/**
 * Ends a process, by one step after the other until it is gone.
 * @param target a pid that is ours to end now, or a recorded identity
 * @throws Error when it outlives the last step, or may not be signalled (EPERM)
 */
export async function stopProcess(
  target: number | ProcessIdentity,
  steps: readonly StopStep[],
): Promise<void> {
  const identity = typeof target === 'number' ? findProcess(target) : target;
  if (!identity) return;
  for (const { signal, graceMs, group = false } of steps) {
    if (!isProcessAlive(identity)) return;
    signalProcess(identity.pid, signal, group);
    if (await isGoneWithin(identity, graceMs)) return;
  }
  throw new Error(`process ${identity.pid} could not be ended`);
}
