import { readdir, readFile } from 'node:fs/promises';
import type { Stack } from './stack.js';

/** The main process of a session's browser, found by its profile directory. Throws when there is none. */
export async function browserPid(stack: Stack, sessionId: string): Promise<number> {
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const args = (await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '')).split('\0');
    const profile = args.find((arg) => arg.startsWith('--user-data-dir='));
    const isOurs = profile?.includes(stack.folder) && profile.includes(sessionId);
    if (isOurs && !args.some((arg) => arg.startsWith('--type='))) return Number(entry);
  }
  throw new Error(`session ${sessionId} has no browser`);
}
