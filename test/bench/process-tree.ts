import { readdir, readFile } from 'node:fs/promises';

/** Clock ticks a second in /proc; 100 on every Linux that Node runs on (proc_pid_stat(5)). */
const TICKS_PER_SECOND = 100;

interface ProcessStat {
  pid: number;
  parentPid: number;
  /** Its own user and system time, seconds. */
  cpuSeconds: number;
  /** That of children which ended and were waited for, seconds. */
  endedChildrenCpuSeconds: number;
}

async function readStat(pid: number): Promise<ProcessStat | undefined> {
  const text = await readFile(`/proc/${String(pid)}/stat`, 'utf8').catch(ifGone);
  if (text === undefined) return undefined;
  // The name stands in parentheses and may hold anything, so count from behind it; field 3 is the first there.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const field = (number: number) => Number(fields[number - 3]);
  return {
    pid,
    parentPid: field(4),
    cpuSeconds: (field(14) + field(15)) / TICKS_PER_SECOND,
    endedChildrenCpuSeconds: (field(16) + field(17)) / TICKS_PER_SECOND,
  };
}

/** A process may end while it is looked at; everything else is an error. */
function ifGone(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT' || error.code === 'ESRCH') return undefined;
  throw error;
}

/** A process and all its living descendants, the process first; empty when it is gone. */
export async function listTree(rootPid: number): Promise<ProcessStat[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const all = (await Promise.all(pids.map(readStat))).filter((stat) => stat !== undefined);
  const tree = all.filter(({ pid }) => pid === rootPid);
  for (const parent of tree) tree.push(...all.filter(({ parentPid }) => parentPid === parent.pid));
  return tree;
}

/** CPU time used so far, seconds: by a process itself, and by its descendants. */
export async function splitCpuSeconds(rootPid: number): Promise<{ own: number; descendants: number }> {
  const [root, ...rest] = await listTree(rootPid);
  const descendants = rest.reduce((total, stat) => total + stat.cpuSeconds + stat.endedChildrenCpuSeconds, 0);
  return { own: root?.cpuSeconds ?? 0, descendants: descendants + (root?.endedChildrenCpuSeconds ?? 0) };
}

/** CPU time a process tree has used so far, seconds. */
export async function treeCpuSeconds(rootPid: number): Promise<number> {
  const tree = await listTree(rootPid);
  return tree.reduce((total, stat) => total + stat.cpuSeconds + stat.endedChildrenCpuSeconds, 0);
}

/** Proportional set size, bytes: memory shared by n processes counts 1/n for each. */
async function pssBytes(pid: number): Promise<number> {
  const text = await readFile(`/proc/${String(pid)}/smaps_rollup`, 'utf8').catch(ifGone);
  return Number(/^Pss:\s+(\d+) kB$/m.exec(text ?? '')?.[1] ?? 0) * 1024;
}

export interface TreeMemory {
  processes: number;
  pssBytes: number;
  /** Of the root alone; the rest are its descendants'. */
  rootPssBytes: number;
}

export async function treeMemory(rootPid: number): Promise<TreeMemory> {
  const tree = await listTree(rootPid);
  const sizes = await Promise.all(tree.map(({ pid }) => pssBytes(pid)));
  return {
    processes: tree.length,
    pssBytes: sizes.reduce((total, size) => total + size, 0),
    rootPssBytes: sizes[0] ?? 0,
  };
}
