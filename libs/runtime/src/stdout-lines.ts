import { writeSync } from 'node:fs';

let pending: string[] = [];
let scheduled: NodeJS.Immediate | undefined;
let watched = false;

/** Writes a line to stdout; lines of one turn of the event loop go out in one write, and none is lost at exit. */
export function writeToStdout(line: string): void {
  if (!watched) {
    watched = true;
    process.on('exit', writeRest);
  }
  pending.push(line);
  scheduled ??= setImmediate(writeTogether);
}

function takePending(): string {
  const text = pending.join('');
  pending = [];
  scheduled = undefined;
  return text;
}

function writeTogether(): void {
  process.stdout.write(takePending());
}

/** At exit nothing asynchronous happens any more. */
function writeRest(): void {
  if (pending.length === 0) return;
  const bytes = Buffer.from(takePending());
  for (let written = 0; written < bytes.length;) {
    try {
      written += writeSync(1, bytes, written);
    } catch (error) {
      // A full pipe says so; any other end of stdout leaves nobody to tell.
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) return;
    }
  }
}
