import type { Query } from '#database';
import type { AuthContext } from '../../auth/index.js';
import type { MessageFilter, MessageRange } from '../message-list.js';
import type { wantedWords } from './search-terms.js';

/** One search: whose it is, what is wanted, and the transaction that it runs in. */
export interface SearchScope {
  query: Query;
  auth: AuthContext;
  filter: MessageFilter;
  wanted: ReturnType<typeof wantedWords>;
  range: MessageRange;
}

export interface FoundMessage {
  id: string;
  /** When it was said, where the list is by time; any time otherwise. */
  at: Date;
}

/** Where the time of a message is not needed. */
export const EPOCH = `timestamptz 'epoch'`;

/** The order of a list by time. */
export function byNewest(a: FoundMessage, b: FoundMessage): number {
  return b.at.getTime() - a.at.getTime() || byNewestId(a, b);
}

/** That of any other list. */
export function byNewestId(a: FoundMessage, b: FoundMessage): number {
  return a.id < b.id ? 1 : -1;
}
