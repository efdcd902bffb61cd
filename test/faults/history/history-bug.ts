import type { History, HandOver, ClientRequest, MessageRecord } from './history.js';
import type { Invariant } from './violation.js';

/** A bug, as one change of a history that is as it should be. */
export interface HistoryBug {
  bug: string;
  /** The invariant that has to see it; others may. */
  caughtBy: Invariant;
  /** The message or object that the violation has to name. */
  names: string;
  apply: (history: History) => void;
}

/** @throws Error when it is not there: the synthetic history has changed, and the bug with it */
export function get<T extends { id: string }>(list: readonly T[] | undefined, id: string): T {
  const found = list?.find((one) => one.id === id);
  if (!found) throw new Error(`the history has no ${id}`);
  return found;
}

export function row(history: History, id: string): MessageRecord {
  return get(history.messages, id);
}

/** @throws Error when the message was not handed over */
export function handOver(history: History, id: string): HandOver {
  const found = history.handOvers.find(({ waMessageId }) => waMessageId === `3EB0${id}`);
  if (!found) throw new Error(`${id} was not handed over`);
  return found;
}

export function sends(history: History, ref: string): ClientRequest[] {
  return history.client.filter(({ kind, sent }) => kind === 'send' && sent?.ref === ref);
}
