import { ackNumber } from './ack-number.js';
import { awaitAnswer, endAnswer } from './inbox-queue.js';
import { SEND_PHASES, type RawSendOrder, type RawSendResult, type SendPhase } from './agent-api.js';
import { findPreview } from './link-preview.js';
import { findByWaKey, findSent, requireKey } from './messages.js';
import { errorNamesShim } from './shims/error-names.js';
import { NotOnWhatsApp } from './shims/lid-chats.js';
import { utils, wa, type WaChat, type WaMsg } from './wa.js';

interface Sending {
  id: string;
  /** By the clock that never runs back. */
  untilMs: number;
  phase: SendPhase;
  /** Given up by the driver: it must not take its id any more. */
  cancelled: boolean;
}

/** The send that may take its preset id next. Only that stretch is exclusive, the rest of sends overlaps. */
let current: Sending | undefined;
const turns: { sending: Sending; go: () => void }[] = [];
const sendings = new Map<string, Sending>();

/** Answer to a send in a document that is still loading: nothing was begun. */
export const NOT_READY = notSent('page_gone', true, 'the page is still loading');
/** Answer to giving up a send in such a document: the send was an earlier one's, which is gone. */
export const OTHER_DOCUMENT: RawSendResult = {
  outcome: 'unknown',
  reason: 'the page was loaded again during the send',
};

class Refusal extends Error {
  constructor(readonly result: Extract<RawSendResult, { outcome: 'not_sent' }>) {
    super(result.reason);
  }
}

/**
 * Gives the page's next message id to a send of ours that is under way, and notes the moment its message is handed
 * over. Our messages carry a mark up to there, so that another message of the page, even one that got our id, is
 * never taken for ours, and ours never leaves under another id.
 */
export function attachSend(): void {
  const MsgKey = wa('WAWebMsgKey');
  const freshId = MsgKey.newId.bind(MsgKey);
  MsgKey.newId = () => {
    const sending = current;
    if (!sending || isPast(sending, 'id-taken') || sending.cancelled) return freshId();
    sending.phase = 'id-taken';
    endTurn(sending);
    return Promise.resolve(sending.id);
  };
  const helpers = utils();
  const process = helpers.processMediaData;
  // A file is uploaded here, which may take minutes: its turn comes afterwards.
  helpers.processMediaData = async (media, options) => {
    const processed = await process(media, options);
    const sending = media.wagateSend === undefined ? undefined : sendings.get(media.wagateSend);
    if (sending) await takeTurn(sending);
    return processed;
  };
  const action = wa('WAWebSendMsgChatAction');
  const handOver = action.addAndSendMsgToChat.bind(action);
  action.addAndSendMsgToChat = (chat, message) => {
    const { wagateSend } = message;
    if (wagateSend === undefined) return handOver(chat, message);
    delete message.wagateSend;
    const sending = sendings.get(wagateSend);
    if (!sending || sending.cancelled) throw new Error('the send was given up');
    if (message.id?.id !== wagateSend) throw new Error('another message took the id');
    sending.phase = 'handed';
    return handOver(chat, message);
  };
}

/** Resolves when the send is the next to take an id. @throws Error when it was given up, Refusal when its time is over */
async function takeTurn(sending: Sending): Promise<void> {
  await new Promise<void>((go) => {
    turns.push({ sending, go });
    nextTurn();
  });
  if (sending.cancelled) throw new Error('the send was given up');
  if (performance.now() >= sending.untilMs) {
    throw new Refusal(notSent('expired', false, 'its time was over before the hand-over'));
  }
}

function nextTurn(): void {
  if (current) return;
  const next = turns.shift();
  if (!next) return;
  current = next.sending;
  next.go();
}

/** Lets the next one go; a send that still waits for its turn loses it, and goes on without. */
function endTurn(sending: Sending): void {
  const place = turns.findIndex((turn) => turn.sending === sending);
  if (place >= 0) turns.splice(place, 1)[0]?.go();
  if (current !== sending) return;
  current = undefined;
  nextTurn();
}

function isPast(sending: Sending, phase: SendPhase): boolean {
  return SEND_PHASES.indexOf(sending.phase) >= SEND_PHASES.indexOf(phase);
}

/** Hands one message over with its preset id, and says what became of it. Never throws. */
export async function send(order: RawSendOrder): Promise<RawSendResult> {
  const untilMs = performance.now() + (order.timeLeftMs ?? Infinity);
  const sending: Sending = { id: order.waMessageId, untilMs, phase: 'resolving', cancelled: false };
  try {
    const earlier = await findSent(order.waMessageId, order.chatId);
    if (earlier) return handed(earlier);
    sendings.set(sending.id, sending);
    awaitAnswer(sending.id);
    await handOver(order, sending);
    return await outcomeOf(order, 'the message does not stand in the chat');
  } catch (error) {
    return await afterFailure(order, sending, error);
  } finally {
    endTurn(sending);
    sendings.delete(sending.id);
    endAnswer(sending.id, false);
  }
}

/** Gives a send up unless it was handed over already, and says what is known of it. */
export async function cancelSend(waMessageId: string, chatId: string): Promise<RawSendResult> {
  const sending = sendings.get(waMessageId);
  if (sending && sending.phase !== 'handed') {
    sending.cancelled = true;
    endTurn(sending);
    return notSent('busy', true, `the page did not get beyond ${sending.phase} in time`);
  }
  const found = await findSent(waMessageId, chatId);
  endAnswer(waMessageId, found !== undefined);
  return found
    ? handed(found)
    : { outcome: 'unknown', reason: 'the page did not say in time what became of it' };
}

async function handOver(order: RawSendOrder, sending: Sending): Promise<void> {
  const chat = await resolveChat(order.chatId);
  const quoted = order.quotedWaKey === null ? undefined : await findByWaKey(order.quotedWaKey);
  if (order.quotedWaKey !== null && !quoted) {
    throw new Refusal(notSent('quoted_not_found', false, 'the quoted message is not known to WhatsApp Web'));
  }
  const preview = order.linkPreview && !order.media ? await findPreview(order.text) : undefined;
  sending.phase = 'resolved-chat';
  if (!order.media) await takeTurn(sending);
  await utils().sendMessage(chat, order.text, { ...preview, ...optionsOf(order, quoted) });
}

async function resolveChat(chatId: string): Promise<WaChat> {
  const chat = await utils().getChat(chatId, { getAsModel: false });
  if (chat) return chat;
  throw new Refusal(notSent('rejected', false, 'WhatsApp Web has no such chat'));
}

/** Only what we know goes to the library: it spreads its options over the message. */
function optionsOf(order: RawSendOrder, quoted: WaMsg | undefined): object {
  const { media } = order;
  return {
    wagateSend: order.waMessageId,
    mentionedJidList: [],
    parseVCards: false,
    ignoreQuoteErrors: false,
    waitUntilMsgSent: false,
    ...(quoted ? { quotedMessageId: textOfKey(quoted) } : {}),
    ...(media
      ? {
          media: {
            mimetype: media.mimeType,
            filename: media.filename,
            data: '',
            wagateTransfer: media.transferId,
            wagateSend: order.waMessageId,
          },
          caption: media.caption ?? undefined,
          isCaptionByUser: media.caption !== null,
          sendAudioAsVoice: media.kind === 'voice' ? true : undefined,
          sendMediaAsDocument: media.kind === 'document' ? true : undefined,
        }
      : {}),
  };
}

function textOfKey(msg: WaMsg): string {
  const { _serialized, $1 } = Object(msg.id) as { _serialized?: string; $1?: string };
  return _serialized ?? $1 ?? '';
}

/** What became of a message that the library took: it may also have left by a way of its own. */
async function outcomeOf(order: RawSendOrder, reason: string): Promise<RawSendResult> {
  const found = await findSent(order.waMessageId, order.chatId);
  return found ? handed(found) : { outcome: 'unknown', reason };
}

async function afterFailure(order: RawSendOrder, sending: Sending, error: unknown): Promise<RawSendResult> {
  if (error instanceof Refusal) return error.result;
  if (error instanceof NotOnWhatsApp) return notSent('not_on_whatsapp', false, error.message);
  const reason = errorNamesShim.describe(error, `the send (${sending.phase})`);
  if (sending.cancelled) return notSent('busy', true, reason);
  if (sending.phase === 'handed') return outcomeOf(order, reason);
  // Nothing left, and nothing says that it could not: a gap of the network, a store that did not answer.
  const code = order.media && sending.phase === 'resolved-chat' ? 'media_unavailable' : 'rejected';
  return notSent(code, true, reason);
}

function notSent(
  code: Extract<RawSendResult, { outcome: 'not_sent' }>['code'],
  retry: boolean,
  reason: string,
): Extract<RawSendResult, { outcome: 'not_sent' }> {
  return { outcome: 'not_sent', code, retry, reason };
}

function handed(msg: WaMsg): RawSendResult {
  const key = requireKey(msg);
  endAnswer(key.id, true);
  return { outcome: 'handed', key, chatId: key.remote, ack: ackNumber(msg.ack) ?? 0, t: msg.t };
}
