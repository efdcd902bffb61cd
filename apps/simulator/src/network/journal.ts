import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { JournalEntry } from './records.js';

/**
 * The state file: one JSON entry a line, appended; later entries replace earlier ones with the same key.
 * Without a file it keeps nothing. Lines are written together at the end of the current turn of the event loop.
 */
export class Journal {
  private pending: string[] = [];
  private scheduled: NodeJS.Immediate | undefined;

  constructor(private readonly file: string | undefined) {
    if (file !== undefined) mkdirSync(dirname(file), { recursive: true });
  }

  /** Entries in the order they were written. A torn last line (a killed process) is left out. */
  read(): JournalEntry[] {
    if (this.file === undefined || !existsSync(this.file)) return [];
    const lines = readFileSync(this.file, 'utf8').split('\n');
    const torn = lines.pop();
    const entries = lines.filter((line) => line !== '').map((line) => JSON.parse(line) as JournalEntry);
    if (torn !== undefined && torn !== '') this.rewrite(entries);
    return entries;
  }

  rewrite(entries: Iterable<JournalEntry>): void {
    if (this.file === undefined) return;
    const lines = [...entries].map((entry) => `${JSON.stringify(entry)}\n`);
    writeFileSync(`${this.file}.new`, lines.join(''), { mode: 0o600 });
    renameSync(`${this.file}.new`, this.file);
  }

  append(entry: JournalEntry): void {
    if (this.file === undefined) return;
    this.pending.push(JSON.stringify(entry));
    this.scheduled ??= setImmediate(() => this.flush());
  }

  flush(): void {
    if (this.scheduled !== undefined) clearImmediate(this.scheduled);
    this.scheduled = undefined;
    if (this.file === undefined || this.pending.length === 0) return;
    const lines = this.pending;
    this.pending = [];
    appendFileSync(this.file, `${lines.join('\n')}\n`, { mode: 0o600 });
  }
}
