import type { WireItem, WireMessage } from '../wire.js';

export const PERSONAS = [
  'none',
  'echo',
  'late-reader',
  'sends-picture',
  'fails',
  'changes-its-mind',
  'two-ids',
  'unreadable',
] as const;
export type Persona = (typeof PERSONAS)[number];

export interface Account {
  phone: string;
  lid: string;
  name: string;
  persona: Persona;
  lidOnly: boolean;
}

export interface Group {
  id: string;
  subject: string;
  members: string[];
  admins: string[];
  createdAt: number;
}

export interface LoginRecord {
  id: string;
  secret: string;
  phone: string;
  linkedAt: number;
  revoked: boolean;
}

export interface MessageRecord {
  message: WireMessage;
  /** `login`: handed over by a page; `phone`: sent through the control API or by a persona. */
  via: 'login' | 'phone';
  /** Grows with every message the network gets, whoever sent it. */
  order: number;
  handOvers: number;
  ack: number;
  /** How many logins have confirmed it. */
  deliveredTo: number;
  /** Hex SHA-256 of the media's bytes. */
  sha256?: string;
}

/** One line of the state file. */
export type JournalEntry =
  | { k: 'account'; v: Account }
  | { k: 'group'; v: Group }
  | { k: 'login'; v: LoginRecord }
  | { k: 'message'; v: MessageRecord }
  | { k: 'item'; login: string; seq: number; v: WireItem }
  | { k: 'confirm'; login: string; seq: number };

/** A refusal the control API reports as it is: `status` is the HTTP status, `field` the offending field. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly field?: string,
  ) {
    super(message);
    this.name = 'Refusal';
  }
}

/** Bare digits of a phone number. @throws Refusal 422 naming `field` */
export function parsePhone(value: string, field: string): string {
  const digits = value.trim().replace(/^\+/, '');
  if (!/^[1-9]\d{6,14}$/.test(digits)) {
    throw new Refusal(422, 'a phone is 7 to 15 digits with the country code', field);
  }
  return digits;
}
