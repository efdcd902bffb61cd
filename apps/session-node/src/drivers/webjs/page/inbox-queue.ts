import type { RawAck, RawDrained, RawItem } from './agent-api.js';
import { describeError } from './describe-error.js';
import { keyParts } from './ids.js';
import { isMessage, rawMessage } from './raw-message.js';
import { page, wa, type WaMsg } from './wa.js';

/** How long an undecryptable message may still be decrypted before it is reported as such. */
const DECRYPT_WAIT_MS = 15_000;
const RESEND_DELAY_MS = 5_000;
/** A message and its first acks come close together: one signal, one call, for all of them. */
const GATHER_MS = 10;
/** Models waiting to be drained; beyond it the sweep brings what is dropped here. */
const MAX_QUEUED = 5_000;

/** Models that changed since the driver last asked; each once, turned into plain data only when drained. */
const queue = new Map<WaMsg, 'message' | 'ack'>();
let signalled = false;
let sets = 0;

/** How many sets of our listeners this document has; one is right. */
export function listenerSets(): number {
  return sets;
}

/** Listens to the collection of messages; a second call in the same document changes nothing. */
export function attachInbox(): void {
  if (sets > 0) return;
  const { Msg } = wa('WAWebCollections');
  Msg.on('add', (msg) => {
    if (msg.isNewMsg !== true || !isMessage(msg)) return;
    if (msg.type === 'ciphertext') awaitDecryption(msg);
    else enqueue(msg, 'message');
  });
  Msg.on('change:type', (msg) => {
    if (isMessage(msg) && msg.type !== 'ciphertext' && msg.type !== 'revoked') enqueue(msg, 'message');
  });
  Msg.on('change:ack', (msg) => {
    if (msg.id?.fromMe) enqueue(msg, 'ack');
  });
  sets += 1;
}

export function drain(limit: number): RawDrained {
  const drained: RawDrained = { items: [], keyless: [], more: false };
  for (const [msg, kind] of queue) {
    if (drained.items.length >= limit) break;
    queue.delete(msg);
    const item = itemOf(msg, kind);
    if (item) drained.items.push(item);
    else drained.keyless.push(keylessForm(msg));
  }
  drained.more = queue.size > 0;
  signalled = false;
  return drained;
}

/** What is kept of an event without a key: enough to understand it later; the same text each time. */
export function keylessForm(msg: WaMsg): string {
  try {
    const { type, t, body, caption, ack, notifyName } = msg;
    return JSON.stringify({ type, t, body, caption, ack, notifyName });
  } catch (error) {
    return JSON.stringify({ unreadable: describeError(error, 'reading an event') });
  }
}

export function ackOf(msg: WaMsg): RawAck | undefined {
  const key = keyParts(msg.id);
  return key && typeof msg.ack === 'number' ? { ...key, ack: msg.ack } : undefined;
}

/** A model that cannot be read is told as keyless: it must not take the others with it. */
function itemOf(msg: WaMsg, kind: 'message' | 'ack'): RawItem | undefined {
  try {
    return kind === 'message' ? messageItem(msg) : ackItem(msg);
  } catch {
    return undefined;
  }
}

function messageItem(msg: WaMsg): RawItem | undefined {
  const message = rawMessage(msg);
  return message && { kind: 'message', message };
}

function ackItem(msg: WaMsg): RawItem | undefined {
  const ack = ackOf(msg);
  return ack && { kind: 'ack', ack };
}

function enqueue(msg: WaMsg, kind: 'message' | 'ack'): void {
  if (queue.get(msg) === 'message') return;
  if (queue.size >= MAX_QUEUED && !queue.has(msg)) return;
  queue.set(msg, kind);
  if (signalled) return;
  signalled = true;
  setTimeout(() => page.wagateSignal?.(), GATHER_MS);
}

function awaitDecryption(msg: WaMsg): void {
  setTimeout(() => {
    if (msg.type === 'ciphertext') enqueue(msg, 'message');
  }, DECRYPT_WAIT_MS);
  if (!msg.subtype?.endsWith('_unavailable_fanout')) askAgain(msg);
}

const undecrypted = new Set<WaMsg>();

/** Asks the phone for messages that could not be decrypted, as the library does, several at a time. */
function askAgain(msg: WaMsg): void {
  undecrypted.add(msg);
  if (undecrypted.size > 1) return;
  setTimeout(() => {
    const messages = [...undecrypted].filter(({ type }) => type === 'ciphertext');
    undecrypted.clear();
    if (messages.length === 0) return;
    wa('WAWebSyncGatingUtils').isPlaceholderMessageResendEnabled = () => true;
    wa('WAWebNonMessageDataRequestPlaceholderMessageResendUtils').handlePlaceholderMsgsSeen(messages, true);
  }, RESEND_DELAY_MS);
}
