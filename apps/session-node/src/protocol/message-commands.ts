import type { NodeRequest, NodeResponse } from '#contracts';
import { AppError, DeadlineError } from '#kernel';
import type { Driver } from '../drivers/driver.js';
import type { SessionOwner } from '../supervisor/session-owner.js';

type SendAnswer = NodeResponse<'message.send'>;

function notSent(
  code: Extract<SendAnswer, { outcome: 'not_sent' }>['code'],
  reason: string,
  retry = true,
): SendAnswer {
  return { outcome: 'not_sent', retry, code, reason };
}

/** Hands one message over, at most once per id in the life of this process. */
export async function sendMessage(
  owner: SessionOwner,
  request: NodeRequest<'message.send'>,
  bootId: string,
): Promise<SendAnswer> {
  const { waMessageId, nodeBootId = bootId } = request;
  if (nodeBootId !== bootId) return notSent('page_gone', 'meant for another boot of this node');
  const driver = owner.connectedDriver;
  if (!driver) return notSent('session_not_connected', 'the session is not connected');
  if (owner.board.isHeldBack) return notSent('contract_broken', owner.snapshot().detail ?? 'contract_broken');
  const begun = owner.ledger.begin(waMessageId);
  if (begun === 'barred') return notSent('rejected', 'this send was given up before it began', false);
  const outcome = begun === 'repeated' ? await lookUpRepeated(driver, request) : await driver.send(request);
  if (outcome.outcome === 'not_sent') owner.ledger.notSent(waMessageId);
  if (outcome.outcome === 'handed') owner.inbox.sent(outcome);
  return outcome;
}

/** The same command again: it is never sent again, only looked for. */
async function lookUpRepeated(driver: Driver, request: NodeRequest<'message.send'>): Promise<SendAnswer> {
  const { waMessageId, chatId } = request;
  const [found] = await driver.lookup([{ waMessageId, chatId, nodeBootId: '' }]);
  if (!found) return { outcome: 'unknown', reason: 'this send began before and is not in the chat' };
  const [, remote = chatId] = found.waKey.split('_');
  return {
    outcome: 'handed',
    waKey: found.waKey,
    chatId: remote,
    ack: found.ack,
    timestamp: found.timestamp,
  };
}

/**
 * Finds messages by their ids, and proves of the others, where it can, that their sends never began here.
 * @throws AppError `session_not_connected` when something can neither be looked for nor proven
 */
export async function lookUpMessages(
  owner: SessionOwner,
  request: NodeRequest<'message.lookup'>,
  bootId: string,
): Promise<NodeResponse<'message.lookup'>> {
  const driver = owner.connectedDriver;
  const found = driver ? await driver.lookup(request.messages) : [];
  for (const message of found) owner.inbox.sent(message);
  const foundIds = new Set(found.map((message) => message.waMessageId));
  const neverStarted = request.messages
    .filter(({ waMessageId, nodeBootId }) => !foundIds.has(waMessageId) && nodeBootId === bootId)
    .filter(({ waMessageId }) => owner.ledger.bar(waMessageId))
    .map(({ waMessageId }) => waMessageId);
  if (!driver && neverStarted.length < request.messages.length) throw notConnected();
  return { found, neverStarted };
}

export async function downloadMedia(
  owner: SessionOwner,
  request: NodeRequest<'media.download'>,
): Promise<NodeResponse<'media.download'>> {
  const driver = owner.connectedDriver;
  if (!driver) return { outcome: 'failed', retry: true, reason: 'session_not_connected' };
  try {
    return await driver.downloadMedia(request);
  } catch (error) {
    const lost = owner.connectedDriver !== driver;
    if (!lost && !(error instanceof DeadlineError)) throw error;
    return { outcome: 'failed', retry: true, reason: lost ? 'session_not_connected' : 'download_failed' };
  }
}

/** @throws AppError `session_not_connected` */
export async function checkNumbers(
  owner: SessionOwner,
  request: NodeRequest<'number.check'>,
): Promise<NodeResponse<'number.check'>> {
  const driver = owner.connectedDriver;
  if (!driver) throw notConnected();
  return { results: await driver.checkNumbers(request.phones) };
}

function notConnected(): AppError {
  return new AppError('session_not_connected', 'The session is not connected', { outcome: 'not_sent' });
}
