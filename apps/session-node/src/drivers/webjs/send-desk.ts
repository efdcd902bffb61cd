import { setTimeout as delay } from 'node:timers/promises';
import { LARGE_TRANSFER_BYTES, waKey, type MediaType, type SendOutcome } from '#contracts';
import { DeadlineError } from '#kernel';
import { failpoint } from '#runtime';
import type { SendOrder } from '../driver.js';
import { isoOf } from './converters/index.js';
import { MediaUnavailable, transferTimeoutMs, type MediaCourier } from './media-courier.js';
import type { RawSendOrder, RawSendResult } from './page/agent-api.js';
import { NO_SCRIPT, type PageAgent } from './page-agent.js';
import { TransferGateBusy } from './transfer-gate.js';

const CANCEL_TIMEOUT_MS = 5_000;
const TYPING_TIMEOUT_MS = 5_000;
const MAX_WAITING = 100;

/** Extension WhatsApp shows for a file without a name. */
const FALLBACK_NAME = 'file';

type MediaKind = Exclude<MediaType, 'sticker'>;

/** With the time, by the clock that never runs back, after which it is not handed over. */
type TimedOrder = SendOrder & { untilMs: number };

/** What the page is asked, but for the time it has. */
type Draft = Omit<RawSendOrder, 'timeLeftMs'>;

/** Hands messages over, those of one chat one after the other, and says honestly what became of each. */
export class SendDesk {
  /** The last send of each chat that has one under way. */
  private readonly lanes = new Map<string, Promise<unknown>>();
  private waiting = 0;

  constructor(
    private readonly agent: () => PageAgent,
    private readonly courier: MediaCourier,
    private readonly isGone: () => boolean,
    /** Gone, and nobody closed it. */
    private readonly isLost: () => boolean,
    /** The page may have lost its login: nothing is handed over to it. */
    private readonly isHeld: () => boolean,
  ) {}

  /** Never rejects. */
  send(order: SendOrder): Promise<SendOutcome> {
    if (this.waiting >= MAX_WAITING)
      return Promise.resolve(notSent('busy', 'too many sends wait for this session'));
    this.waiting += 1;
    const { chatId, expiresInMs = Infinity } = order;
    const timed = { ...order, untilMs: performance.now() + expiresInMs };
    const mine = (this.lanes.get(chatId) ?? Promise.resolve()).then(() => this.sendNow(timed));
    this.lanes.set(chatId, mine);
    return mine.finally(() => {
      this.waiting -= 1;
      if (this.lanes.get(chatId) === mine) this.lanes.delete(chatId);
    });
  }

  private async sendNow(order: TimedOrder): Promise<SendOutcome> {
    if (isOver(order)) return expired();
    if (order.typingMs && !this.isGone() && !this.isHeld())
      await this.showTyping(order.chatId, order.typingMs);
    if (this.isGone()) return notSent('page_gone', 'the browser ended before the send began');
    if (this.isHeld()) return held();
    const { content, media } = order;
    try {
      if (content.type === 'text') return await this.handOver(order, rawOrder(order, content.text, null), 0);
      if (!isSendableMedia(content.type) || !media || !('media' in content)) {
        return { outcome: 'not_sent', retry: false, code: 'rejected', reason: 'this kind cannot be sent' };
      }
      const file = { objectKey: media.objectKey, bytes: content.media.size ?? LARGE_TRANSFER_BYTES };
      return await this.courier.lend(this.agent(), file, (transferId, size) =>
        this.handOver(order, rawOrder(order, '', transferId), size),
      );
    } catch (error) {
      if (error instanceof TransferGateBusy) return notSent('transfer_busy', error.message);
      if (!(error instanceof MediaUnavailable)) return unknown(error);
      if (this.isLost()) return notSent('page_crashed', 'the page died while the file was brought into it');
      if (this.isGone()) return notSent('page_gone', 'the browser ended before the send began');
      return { outcome: 'not_sent', retry: error.retry, code: 'media_unavailable', reason: error.message };
    }
  }

  /** Only what is sent in this chat waits for it. */
  private async showTyping(chatId: string, forMs: number): Promise<void> {
    try {
      if (await this.agent().call('showTyping', [chatId], TYPING_TIMEOUT_MS)) await delay(forMs);
    } catch {
      // A page that does not answer shows it at the send that follows.
    }
  }

  private async handOver(order: TimedOrder, draft: Draft, bytes: number): Promise<SendOutcome> {
    await failpoint('node.send.before-hand-over');
    // Typing, the upload and those before it in its chat took their time.
    if (isOver(order)) return expired();
    if (this.isHeld()) return held();
    const timeLeftMs = Number.isFinite(order.untilMs) ? order.untilMs - performance.now() : null;
    const raw = { ...draft, timeLeftMs };
    try {
      const result = await this.agent().call('send', [raw], transferTimeoutMs(bytes) - (order.typingMs ?? 0));
      await failpoint('node.send.after-hand-over');
      return toOutcome(result);
    } catch (error) {
      if (isWithoutScript(error)) return notSent('page_gone', 'the page was being loaded again');
      return this.isGone() ? unknown(error) : this.settle(order, error);
    }
  }

  /** The page did not answer the send: it may still answer what it knows of it. */
  private async settle(order: SendOrder, error: unknown): Promise<SendOutcome> {
    try {
      const { waMessageId, chatId } = order;
      const known = await this.agent().call('cancelSend', [waMessageId, chatId], CANCEL_TIMEOUT_MS);
      return toOutcome(known);
    } catch {
      // Told as what it is: nobody knows.
      return unknown(error);
    }
  }
}

/** The call met a document that our script is not in: nothing can have been sent by it. */
function isWithoutScript(error: unknown): boolean {
  return error instanceof Error && error.message.includes(NO_SCRIPT);
}

function isSendableMedia(type: SendOrder['content']['type']): type is MediaKind {
  return ['image', 'video', 'audio', 'voice', 'document'].includes(type);
}

function rawOrder(order: SendOrder, text: string, transferId: string | null): Draft {
  const { waMessageId, chatId, quotedWaKey, linkPreview, content } = order;
  if (transferId === null || !('media' in content)) {
    return { waMessageId, chatId, text, quotedWaKey, linkPreview, media: null };
  }
  const { mimeType, filename } = content.media;
  const media = {
    transferId,
    mimeType,
    filename: filename ?? FALLBACK_NAME,
    caption: content.caption,
    kind: content.type,
  };
  return { waMessageId, chatId, text, quotedWaKey, linkPreview, media };
}

function toOutcome(result: RawSendResult): SendOutcome {
  if (result.outcome !== 'handed') return result;
  const { key, chatId, ack, t } = result;
  return { outcome: 'handed', waKey: waKey(key), chatId, ack, timestamp: isoOf(t) };
}

function notSent(
  code: 'busy' | 'transfer_busy' | 'page_gone' | 'page_crashed' | 'session_not_connected',
  reason: string,
): SendOutcome {
  return { outcome: 'not_sent', retry: true, code, reason };
}

function held(): SendOutcome {
  return notSent('session_not_connected', 'the login came into doubt before the hand-over');
}

function isOver({ untilMs }: TimedOrder): boolean {
  return performance.now() >= untilMs;
}

function expired(): SendOutcome {
  return {
    outcome: 'not_sent',
    retry: false,
    code: 'expired',
    reason: 'its time was over before the hand-over',
  };
}

function unknown(error: unknown): SendOutcome {
  const late = error instanceof DeadlineError;
  return {
    outcome: 'unknown',
    reason: late ? 'the page did not answer in time' : 'the page was lost during the send',
  };
}
