import type { MessageContent } from '#contracts';
import type { RawMessage } from '../page/agent-api.js';

/** Undefined when the page has no place for it. */
export function locationContent(raw: RawMessage): MessageContent | undefined {
  return raw.location ? { type: 'location', ...raw.location } : undefined;
}
