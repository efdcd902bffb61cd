import { LONGEST_TYPING_MS, type MessageContent } from '#contracts';

const SHORTEST_MS = 800;
/** About what a quick writer needs for a character. */
const PER_CHARACTER_MS = 50;

/** How long "typing" shows before a message, in milliseconds: by the length of its text, 0 for what nobody types. */
export function typingTime(content: MessageContent): number {
  const text = content.type === 'text' ? content.text : 'caption' in content ? content.caption : null;
  if (text === null || text === '') return 0;
  return Math.min(SHORTEST_MS + text.length * PER_CHARACTER_MS, LONGEST_TYPING_MS);
}
