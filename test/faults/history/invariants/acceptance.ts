import type { HistoryIndex } from '../history-index.js';
import type { ClientRequest } from '../history.js';
import { ENDED } from '../ladder.js';
import type { Report } from '../violation.js';

/** I1: an accepted message is there and has an end; a refused request left nothing; no answer forgets it again. */
export function checkAcceptance(index: HistoryIndex, report: Report): void {
  for (const { request, sent, messageId } of index.accepted) {
    const message = index.messageById.get(messageId);
    if (!message) report(messageId, 'was accepted and is not there', { request });
    else if (message.clientRef !== sent.ref)
      report(messageId, 'was accepted for another request', { request });
  }
  for (const message of index.outbound()) {
    if (!ENDED.has(message.status)) report(message.id, `has no end: it is ${message.status}`, { message });
  }
  checkRefused(index, report);
  checkForgotten(index, report);
}

/** Of a wish whose every request was refused, nothing may be there. */
function checkRefused(index: HistoryIndex, report: Report): void {
  const open = new Set<string>();
  for (const request of index.history.client) {
    if (request.kind === 'send' && request.sent && !isRefusal(request)) open.add(request.sent.ref);
  }
  for (const message of index.outbound()) {
    const ref = message.clientRef ?? '';
    if (!index.sentByRef.has(ref)) report(message.id, 'nobody asked for it', { message });
    else if (!open.has(ref)) report(message.id, 'is there although its request was refused', { message });
  }
}

/** 503 promises that nothing was accepted unless it says that it cannot know; other failures of ours promise nothing. */
function isRefusal({ status, outcome }: ClientRequest): boolean {
  if (status === null) return false;
  return (status >= 400 && status < 500) || (status === 503 && outcome !== 'unknown');
}

/** An accepted message that is asked for is never "not found". */
function checkForgotten(index: HistoryIndex, report: Report): void {
  const acceptedAt = new Map(index.accepted.map(({ messageId, request }) => [messageId, request]));
  for (const request of index.history.client) {
    if (request.kind !== 'get' || request.status !== 404 || request.target === undefined) continue;
    const accepted = acceptedAt.get(request.target);
    if (accepted && accepted.tenantId === request.tenantId && accepted.endedAtMs <= request.startedAtMs) {
      report(request.target, 'was accepted and not found later', { accepted, request });
    }
  }
}
