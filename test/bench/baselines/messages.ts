/** What the bench and its baseline processes say to each other. Times are of `nowMs()`. */

export interface PortMessage {
  port: number;
}

export type PlainCommand =
  | { kind: 'send'; index: number; to: string; body: string }
  /** Each of the first `clients` sends `count` messages to `to` in turn, `inFlight` at a time: `<prefix>-<index>-<n>`. */
  | { kind: 'sendMany'; prefix: string; clients: number; to: string[]; count: number; inFlight: number };

export type PlainReport =
  | { kind: 'qr'; index: number; qr: string }
  | { kind: 'ready'; index: number }
  | { kind: 'sending'; body: string; atMs: number }
  | { kind: 'sentMany'; prefix: string }
  | { kind: 'received'; body: string; atMs: number };

export function isPort(message: unknown): message is PortMessage {
  return typeof (message as Partial<PortMessage>).port === 'number';
}

/** A test for one kind of report, to wait for it. */
export function reportOf<K extends PlainReport['kind']>(kind: K) {
  return (message: unknown): message is Extract<PlainReport, { kind: K }> =>
    (message as Partial<PlainReport>).kind === kind;
}
