import type { WireMessage } from '../wire.js';
import { Refusal } from './records.js';

interface PollOption {
  name: string;
  localId: number;
}

/** What a poll's message carries beside its question. */
export function pollExtra(question: string, choices: string[]): Record<string, unknown> {
  const pollOptions = choices.map((name, localId): PollOption => ({ name, localId }));
  return { pollName: question, pollOptions };
}

/** The places of choices in a poll. @throws Refusal 422 when it is no poll, or has no such choice */
export function placesIn({ type, extra }: WireMessage, choices: string[]): number[] {
  if (type !== 'poll_creation') throw new Refusal(422, 'this message is no poll', 'id');
  const options = (extra?.pollOptions ?? []) as PollOption[];
  return choices.map((name) => {
    const found = options.find((option) => option.name === name);
    if (found === undefined) throw new Refusal(422, 'the poll has no such choice', 'choices');
    return found.localId;
  });
}
