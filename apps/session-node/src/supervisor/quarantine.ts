import { createHash } from 'node:crypto';
import { appendFile, readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { NodeFact } from '#contracts';
import { readJsonFile, writeFileAtomically } from './files.js';

type Counts = Extract<NodeFact, { kind: 'quarantine' }>['counts'];
export type QuarantineReason = keyof Counts;

const recordSchema = z.object({
  since: z.iso.datetime(),
  counts: z.object({ no_key: z.int(), unreadable: z.int(), refused: z.int() }),
});

/** Beyond it events are counted and their content is not kept. */
const CONTENT_MAX_BYTES = 1024 * 1024;
const REMEMBERED_MAX = 10_000;

/**
 * Events of a session that could not be reported, beside its profile: their content in one file, how many of each
 * reason in another. The sweeps meet the same ones again and again, also after a restart: each counts once.
 */
export class Quarantine {
  private readonly hashes = new Set<string>();
  private bytes = 0;
  private record: z.infer<typeof recordSchema>;

  private constructor(
    private readonly contentPath: string,
    private readonly recordPath: string,
    now: Date,
  ) {
    this.record = { since: now.toISOString(), counts: { no_key: 0, unreadable: 0, refused: 0 } };
  }

  /** Reads what is there; counts from `now` on when nothing is. */
  static async load(contentPath: string, recordPath: string, now: Date): Promise<Quarantine> {
    const quarantine = new Quarantine(contentPath, recordPath, now);
    quarantine.record = (await readJsonFile(recordPath, recordSchema)) ?? quarantine.record;
    const content = await readTextFile(contentPath);
    quarantine.bytes = Buffer.byteLength(content);
    for (const line of content.split('\n')) if (line !== '') quarantine.remember(hashOf(line));
    return quarantine;
  }

  get total(): number {
    const { no_key, unreadable, refused } = this.record.counts;
    return no_key + unreadable + refused;
  }

  /** Keeps events that are not there yet. @returns the new totals, undefined when all were known */
  async add(reason: QuarantineReason, events: readonly string[]): Promise<NodeFact | undefined> {
    const fresh = events.map(oneLine).filter((event) => this.remember(hashOf(event)));
    if (fresh.length === 0) return undefined;
    this.record.counts[reason] += fresh.length;
    await this.keep(fresh);
    await writeFileAtomically(this.recordPath, JSON.stringify(this.record));
    return this.fact();
  }

  fact(): NodeFact {
    return { kind: 'quarantine', since: this.record.since, counts: { ...this.record.counts } };
  }

  private async keep(events: readonly string[]): Promise<void> {
    if (this.bytes > CONTENT_MAX_BYTES) return;
    const text = `${events.join('\n')}\n`;
    this.bytes += Buffer.byteLength(text);
    await appendFile(this.contentPath, text, { mode: 0o600 });
  }

  /** @returns false for one that is known */
  private remember(hash: string): boolean {
    if (this.hashes.has(hash)) return false;
    const [oldest] = this.hashes;
    if (this.hashes.size >= REMEMBERED_MAX && oldest !== undefined) this.hashes.delete(oldest);
    this.hashes.add(hash);
    return true;
  }
}

/** JSON has no line breaks of its own; anything else gets none. */
function oneLine(event: string): string {
  return event.replace(/[\r\n]+/g, ' ');
}

function hashOf(event: string): string {
  return createHash('sha256').update(event).digest('base64');
}

async function readTextFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
