import { is2026 } from './boot.js';
import { pageError } from './errors.js';
import { Wid, createWid } from './wid.js';

export interface MsgKeyParts {
  id: string;
  fromMe?: boolean;
  remote?: Wid;
  from?: Wid;
  to?: Wid;
  participant?: Wid;
  selfDir?: 'in' | 'out';
}

/** A message's key. Its string form is named `_serialized`, in the 2026-09 build `$1`. */
export class MsgKey {
  readonly fromMe: boolean;
  readonly remote: Wid;
  readonly id: string;
  readonly participant?: Wid;
  declare readonly _serialized?: string;
  declare readonly $1?: string;

  constructor(parts: MsgKeyParts | MsgKey) {
    const given: MsgKeyParts = parts instanceof MsgKey ? { ...parts } : parts;
    this.fromMe = given.fromMe ?? given.selfDir === 'out';
    const remote = given.remote ?? (this.fromMe ? given.to : given.from);
    if (remote === undefined || !given.id) throw pageError('MsgKey error: no remote or id');
    this.remote = createWid(remote);
    this.id = given.id;
    if (given.participant) this.participant = given.participant;
    const text = [String(this.fromMe), this.remote._serialized, this.id, given.participant?._serialized]
      .filter((part) => part !== undefined)
      .join('_');
    Object.assign(this, is2026 ? { $1: text } : { _serialized: text });
  }

  toString(): string {
    return (is2026 ? this.$1 : this._serialized) ?? '';
  }

  equals(other: unknown): boolean {
    return other instanceof MsgKey && other.toString() === this.toString();
  }

  clone(): MsgKey {
    return new MsgKey(this);
  }

  static from(value: unknown): MsgKey {
    return value instanceof MsgKey ? value : MsgKey.fromString(String(value));
  }

  static fromString(text: string): MsgKey {
    const [fromMe, remote, id, participant] = text.split('_');
    if (remote === undefined || id === undefined) throw pageError('MsgKey error: bad format');
    return new MsgKey({
      fromMe: fromMe === 'true',
      remote: createWid(remote),
      id,
      ...(participant === undefined ? {} : { participant: createWid(participant) }),
    });
  }

  /** Page code may replace this for a call, to choose the id itself. */
  static newId(): Promise<string> {
    const bytes = crypto.getRandomValues(new Uint8Array(9));
    const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    return Promise.resolve(`3EB0${hex.toUpperCase()}`);
  }
}
