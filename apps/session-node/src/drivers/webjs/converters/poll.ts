import type { MessageContent } from '#contracts';
import type { RawMessage } from '../page/agent-api.js';

/** Undefined when the page has no question for it. */
export function pollContent(raw: RawMessage): MessageContent | undefined {
  return raw.poll ? { type: 'poll', ...raw.poll } : undefined;
}
