import type { MessageContent } from '#contracts';
import type { RawMessage } from '../page/agent-api.js';

/** Longest text the contract carries. */
export const TEXT_MAX = 65_536;

export function textContent(raw: RawMessage): MessageContent {
  return { type: 'text', text: (raw.body ?? '').slice(0, TEXT_MAX) };
}
