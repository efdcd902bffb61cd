import { groupBy, type HistoryIndex } from '../history-index.js';
import type { MessageRecord } from '../history.js';
import type { Report } from '../violation.js';

/** A revoked key works at most so long. */
const REVOCATION_MS = 5_000;

/** I12: nothing leaves after its expiry, its cancellation, or the recipient's opt-out; revoked keys open nothing. */
export function checkTooLate(index: HistoryIndex, report: Report): void {
  for (const message of index.outbound()) {
    const handOvers = index.handOversOf(message);
    if (message.status === 'cancelled' && handOvers.length > 0) {
      report(message.id, 'was cancelled and has left', { message, handOvers });
    }
    if (message.status === 'expired' && handOvers.length > 0) {
      report(message.id, 'has expired and has left', { message, handOvers });
    }
    checkExpiry(index, message, report);
    checkOptOut(index, message, report);
  }
  checkRevocations(index, report);
}

function checkExpiry(index: HistoryIndex, message: MessageRecord, report: Report): void {
  const expiresAtMs = index.sentByRef.get(message.clientRef ?? '')?.expiresAtMs ?? message.expiresAtMs;
  if (expiresAtMs === null) return;
  const late = (index.attemptsOf.get(message.id) ?? []).find(({ startedAtMs }) => startedAtMs > expiresAtMs);
  if (late) report(message.id, 'was taken up after its expiry', { expiresAtMs, attempt: late });
  const { handOverSlackMs } = index.history.settings;
  const left = index.handOversOf(message).find(({ atMs }) => atMs > expiresAtMs + handOverSlackMs);
  if (left) report(message.id, 'was handed over after its expiry', { expiresAtMs, handOver: left });
}

function checkOptOut(index: HistoryIndex, message: MessageRecord, report: Report): void {
  const phone = message.chatId.split('@')[0];
  const optOut = index.history.optOuts.find(
    (one) => one.tenantId === message.tenantId && one.phone === phone,
  );
  if (!optOut) return;
  const late = (index.attemptsOf.get(message.id) ?? []).find(
    ({ startedAtMs, outcome }) => startedAtMs > optOut.atMs && outcome !== 'not_sent',
  );
  if (late) report(message.id, 'was taken up after its recipient had opted out', { optOut, attempt: late });
}

function checkRevocations(index: HistoryIndex, report: Report): void {
  const byKey = groupBy(index.history.client, ({ keyId }) => keyId);
  for (const revocation of index.history.client) {
    if (revocation.kind !== 'revokeKey' || revocation.status === null || revocation.status >= 300) continue;
    for (const request of byKey.get(revocation.target ?? '') ?? []) {
      const isLate = request.startedAtMs > revocation.endedAtMs + REVOCATION_MS;
      const isRefused = request.status === null || request.status === 401 || request.status >= 500;
      if (isLate && !isRefused) report(request.keyId, 'a revoked key was let in', { revocation, request });
    }
  }
}
