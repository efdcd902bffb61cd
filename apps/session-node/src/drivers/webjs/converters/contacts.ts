import type { MessageContent } from '#contracts';
import type { RawMessage } from '../page/agent-api.js';

export function contactsContent(raw: RawMessage): MessageContent {
  return { type: 'contacts', vcards: raw.vcards };
}
