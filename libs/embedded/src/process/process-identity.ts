import { execFileSync, type ExecFileSyncOptionsWithStringEncoding } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** A process that cannot be mistaken for a later one with the same number. */
export interface ProcessIdentity {
  pid: number;
  /** When it started, as the kernel tells it: clock ticks since boot on Linux, a date elsewhere. */
  startedAt: string;
}

/**
 * When a process started, undefined when there is none (a zombie counts as none: it does nothing any more).
 * Source: proc(5), `/proc/<pid>/stat`, fields 3 and 22.
 */
function findStartTime(pid: number): string | undefined {
  if (process.platform !== 'linux') return findStartTimeByPs(pid);
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined; // no such process
  }
}

function findStartTimeByPs(pid: number): string | undefined {
  try {
    const options: ExecFileSyncOptionsWithStringEncoding = {
      encoding: 'utf8',
      timeout: 5_000,
      stdio: ['ignore', 'pipe', 'ignore'],
    };
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], options).trim() || undefined;
  } catch {
    return undefined; // no such process
  }
}

/** @returns undefined when no such process is alive */
export function findProcess(pid: number): ProcessIdentity | undefined {
  const startedAt = findStartTime(pid);
  return startedAt === undefined ? undefined : { pid, startedAt };
}

/** True while exactly this process, not a later one with its number, is alive. */
export function isProcessAlive(identity: ProcessIdentity): boolean {
  return findStartTime(identity.pid) === identity.startedAt;
}
