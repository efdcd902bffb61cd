import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

export interface ProcessEntry {
  pid: number;
  parentPid: number;
  groupId: number;
  /** Clock ticks since boot, or what `ps` calls the start; only for comparing. */
  startTime: string;
  /** Arguments as given to exec. One string when the process has rewritten its title, as Chromium's children do. */
  args: string[];
}

const run = promisify(execFile);
const PS_TIMEOUT_MS = 5_000;

function isGone(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOENT' || code === 'ESRCH';
}

async function readEntry(pid: number): Promise<ProcessEntry | undefined> {
  try {
    const [stat, commandLine] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile(`/proc/${pid}/cmdline`, 'utf8'),
    ]);
    // proc(5): the name in parentheses may hold anything, so the fields count from the last one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
    return {
      pid,
      parentPid: Number(fields[1]),
      groupId: Number(fields[2]),
      startTime: fields[19] ?? '',
      args: commandLine.split('\0').filter((arg) => arg !== ''),
    };
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

async function listFromPs(): Promise<ProcessEntry[]> {
  const { stdout } = await run('ps', ['-axww', '-o', 'pid=,ppid=,pgid=,lstart=,command='], {
    timeout: PS_TIMEOUT_MS,
    maxBuffer: 16 * 1024 * 1024,
  });
  return stdout.split('\n').flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+\s+\S+\s+\S+\s+\S+\s+\S+)\s+(.*)$/.exec(line);
    if (!match) return [];
    const [, pid, parentPid, groupId, startTime = '', command = ''] = match;
    return [
      {
        pid: Number(pid),
        parentPid: Number(parentPid),
        groupId: Number(groupId),
        startTime,
        args: command.split(' '),
      },
    ];
  });
}

/** Every living process (zombies are dead) that we may see: from /proc, or from `ps` where there is no /proc. */
export async function listProcesses(): Promise<ProcessEntry[]> {
  if (process.platform !== 'linux') return listFromPs();
  const names = await readdir('/proc');
  const entries = await Promise.all(
    names.filter((name) => /^\d+$/.test(name)).map((name) => readEntry(Number(name))),
  );
  return entries.filter((entry) => entry !== undefined);
}

/** One process, or undefined when it is gone. */
export async function findProcess(pid: number): Promise<ProcessEntry | undefined> {
  if (process.platform === 'linux') return readEntry(pid);
  return (await listFromPs()).find((entry) => entry.pid === pid);
}

/** Names this boot of the machine; process ids mean nothing across two. */
export async function readBootId(): Promise<string> {
  if (process.platform === 'linux') return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  const { stdout } = await run('sysctl', ['-n', 'kern.boottime'], { timeout: PS_TIMEOUT_MS });
  return stdout.trim();
}

/** Proportional set size of some processes in bytes, from smaps_rollup; null where the kernel does not tell. */
export async function readMemoryBytes(pids: number[]): Promise<number | null> {
  const sizes = await Promise.all(
    pids.map(async (pid) => {
      try {
        const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8');
        return Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? 0) * 1024;
      } catch (error) {
        if (isGone(error)) return 0;
        return null;
      }
    }),
  );
  if (pids.length === 0 || sizes.includes(null)) return null;
  return sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
}
