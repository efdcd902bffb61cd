import { once } from 'node:events';
import type { Writable } from 'node:stream';
import type pg from 'pg';

/** What pg's Connection offers for COPY (node-postgres, packages/pg/lib/connection.js); its types do not say. */
interface CopyConnection {
  stream: Writable;
  query(text: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
  sync(): void;
}

/** COPY … FROM STDIN: takes the rows as they are made, no faster than the server does. */
class CopyIn {
  readonly done: Promise<void>;
  private resolve: () => void = () => undefined;
  private reject: (error: Error) => void = () => undefined;

  constructor(
    private readonly text: string,
    private readonly chunks: Iterable<string>,
  ) {
    this.done = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  submit(connection: CopyConnection): void {
    connection.query(this.text);
  }

  handleCopyInResponse(connection: CopyConnection): void {
    this.send(connection).catch((error: Error) => this.reject(error));
  }

  handleError(error: Error): void {
    this.reject(error);
  }

  handleCommandComplete(): void {
    // The end comes with ReadyForQuery.
  }

  handleReadyForQuery(): void {
    this.resolve();
  }

  private async send(connection: CopyConnection): Promise<void> {
    for (const chunk of this.chunks) {
      connection.sendCopyFromChunk(Buffer.from(chunk));
      if (connection.stream.writableNeedDrain) await once(connection.stream, 'drain');
    }
    connection.endCopyFrom();
  }
}

/** @param chunks parts of Postgres' text format, many rows in each */
export async function copyIn(client: pg.Client, text: string, chunks: Iterable<string>): Promise<void> {
  const copy = new CopyIn(text, chunks);
  client.query(copy as unknown as pg.Submittable);
  await copy.done;
}

/** One row of the text format; null is `\N`. */
export function copyRow(values: readonly (string | number | null)[]): string {
  return `${values.map((value) => (value === null ? '\\N' : String(value).replace(/[\\\t\n\r]/g, escapeOf))).join('\t')}\n`;
}

function escapeOf(letter: string): string {
  return { '\\': '\\\\', '\t': '\\t', '\n': '\\n' }[letter] ?? '\\r';
}
