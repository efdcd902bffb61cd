import { Injectable } from '@nestjs/common';
import type { SendOutcome } from '#contracts';
import { isAppError } from '#kernel';
import { failpoint } from '#runtime';
import { isUnreachable, NodeClient } from '../../nodes/index.js';
import { typingTime } from '../../pacing/index.js';
import type { AttemptEnd, ClaimedMessage } from './claimed-message.js';

/** A node gives up on a send after 60 s itself; this is for a node that does not. */
const SEND_TIMEOUT_MS = 70_000;
/** What a slow upload to WhatsApp still manages. */
const SLOWEST_BYTES_PER_MS = 50;
/** Failures of the session or its node, or the wait for the files of others, not of the message: it waits for them to pass, until it expires. */
const HELD: ReadonlySet<string> = new Set([
  'session_not_connected',
  'contract_broken',
  'page_gone',
  'stale_epoch',
  'transfer_busy',
]);

/** Hands one claimed message to its node. Never throws: every failure is an outcome. */
@Injectable()
export class MessageCaller {
  constructor(private readonly nodes: NodeClient) {}

  async send(message: ClaimedMessage): Promise<AttemptEnd> {
    const { session } = message;
    const timeoutMs = SEND_TIMEOUT_MS + Math.ceil((message.mediaSize ?? 0) / SLOWEST_BYTES_PER_MS);
    try {
      await failpoint('api.dispatch.before-call');
      const outcome = await this.nodes.call(
        { url: session.nodeUrl },
        'message.send',
        {
          tenantId: session.tenantId,
          sessionId: session.sessionId,
          epoch: session.epoch,
          nodeBootId: session.bootId,
          messageId: message.id,
          waMessageId: message.waMessageId,
          chatId: message.chatId,
          content: message.content,
          media: message.objectKey === null ? null : { objectKey: message.objectKey },
          quotedWaKey: message.quotedWaKey,
          linkPreview: message.linkPreview,
          typingMs: message.typing ? typingTime(message.content) : 0,
          ...(message.expiresAt && { expiresInMs: Math.max(0, message.expiresAt.getTime() - Date.now()) }),
        },
        { timeoutMs },
      );
      return { kind: 'outcome', outcome, held: outcome.outcome === 'not_sent' && HELD.has(outcome.code) };
    } catch (error) {
      return { kind: 'outcome', ...outcomeOf(error) };
    }
  }
}

/**
 * Only a failure that says so is `not_sent`; whatever else went wrong, the message may have left. A refusal that does not
 * pass by itself counts, or the message would be tried until it expires.
 */
function outcomeOf(error: unknown): { outcome: SendOutcome; held: boolean } {
  const reason = isAppError(error) ? error.code : 'internal';
  if (!isAppError(error) || error.outcome !== 'not_sent') {
    return { outcome: { outcome: 'unknown', reason }, held: false };
  }
  const held = isUnreachable(error) || HELD.has(error.code);
  return { outcome: { outcome: 'not_sent', retry: true, code: held ? 'page_gone' : 'busy', reason }, held };
}
