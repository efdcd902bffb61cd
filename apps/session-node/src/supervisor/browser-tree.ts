import { AppError } from '#kernel';
import { findProcess, listProcesses, readBootId, type ProcessEntry } from './process-table.js';

/** What is written down about a running browser, so that a later node can recognise it. */
export interface BrowserRecord {
  pid: number;
  startTime: string;
  bootId: string;
}

const USER_DATA_DIR = '--user-data-dir=';
const POLL_MS = 25;

/** The profile folder a process was started with, when it is a browser's main process. */
export function profileOf(entry: ProcessEntry): string | undefined {
  if (entry.args.some((arg) => arg.startsWith('--type='))) return undefined;
  return entry.args.find((arg) => arg.startsWith(USER_DATA_DIR))?.slice(USER_DATA_DIR.length);
}

/**
 * All processes of the browser on this profile: its main process by the exact `--user-data-dir`, its process
 * group, and their descendants. `record` finds the rest of a group whose main process is already dead.
 */
export function selectTree(
  table: readonly ProcessEntry[],
  profileDirectory: string,
  record?: BrowserRecord,
): ProcessEntry[] {
  const groups = new Set<number>();
  const chosen = new Map<number, ProcessEntry>();
  for (const entry of table) {
    if (profileOf(entry) !== profileDirectory) continue;
    chosen.set(entry.pid, entry);
    // A browser leads its own group; one that does not shares its group with whoever started it.
    if (entry.groupId === entry.pid) groups.add(entry.groupId);
  }
  if (record && isRecordedGroup(table, record)) groups.add(record.pid);
  for (const entry of table) if (groups.has(entry.groupId)) chosen.set(entry.pid, entry);
  addDescendants(table, chosen);
  chosen.delete(process.pid);
  return [...chosen.values()];
}

/** A group id cannot be given away while it has members; only a leader of another start time is a stranger. */
function isRecordedGroup(table: readonly ProcessEntry[], record: BrowserRecord): boolean {
  const leader = table.find((entry) => entry.pid === record.pid);
  return leader === undefined || leader.startTime === record.startTime;
}

function addDescendants(table: readonly ProcessEntry[], chosen: Map<number, ProcessEntry>): void {
  let grew = chosen.size > 0;
  while (grew) {
    grew = false;
    for (const entry of table) {
      if (chosen.has(entry.pid) || !chosen.has(entry.parentPid)) continue;
      chosen.set(entry.pid, entry);
      grew = true;
    }
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** The record when it is of this boot of the machine; otherwise its numbers mean nothing. */
async function validRecord(record: BrowserRecord | undefined): Promise<BrowserRecord | undefined> {
  return record && record.bootId === (await readBootId()) ? record : undefined;
}

/** Processes that hold the profile now. */
export async function findTree(profileDirectory: string, record?: BrowserRecord): Promise<ProcessEntry[]> {
  return selectTree(await listProcesses(), profileDirectory, await validRecord(record));
}

/**
 * Kills every process of the browser on this profile with SIGKILL and waits until all are gone.
 * @returns how many there were
 * @throws AppError `internal` when some are still there after `timeoutMs`
 */
export async function killTree(
  profileDirectory: string,
  record: BrowserRecord | undefined,
  timeoutMs: number,
): Promise<number> {
  const known = await validRecord(record);
  const seen = new Set<number>();
  const until = performance.now() + timeoutMs;
  for (;;) {
    const tree = selectTree(await listProcesses(), profileDirectory, known);
    if (tree.length === 0) return seen.size;
    for (const entry of tree) {
      seen.add(entry.pid);
      signal(entry.pid, 'SIGKILL');
    }
    await untilGone(tree, until);
  }
}

/** Looks at these processes only: reading the whole table again and again is dear. */
async function untilGone(tree: readonly ProcessEntry[], until: number): Promise<void> {
  for (;;) {
    const now = await Promise.all(tree.map(({ pid }) => findProcess(pid)));
    if (now.every((entry, index) => entry?.startTime !== tree[index]?.startTime)) return;
    if (performance.now() > until) throw new AppError('internal', 'a browser could not be killed');
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Reads what is to be written down about the browser on this profile; undefined when none runs. */
export async function recordOf(profileDirectory: string): Promise<BrowserRecord | undefined> {
  const main = (await listProcesses()).find((entry) => profileOf(entry) === profileDirectory);
  if (!main) return undefined;
  return { pid: main.pid, startTime: main.startTime, bootId: await readBootId() };
}

/** True while the very process that was written down lives. */
export async function isAlive(record: BrowserRecord): Promise<boolean> {
  if (record.bootId !== (await readBootId())) return false;
  return (await findProcess(record.pid))?.startTime === record.startTime;
}
