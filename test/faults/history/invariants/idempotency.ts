import { groupBy, type HistoryIndex } from '../history-index.js';
import type { Report } from '../violation.js';

/** I4: the requests of one key are one message, whatever they say and however often they come. */
export function checkIdempotency(index: HistoryIndex, report: Report): void {
  const sends = index.history.client.filter(
    ({ kind, sent }) => kind === 'send' && sent?.idempotencyKey != null,
  );
  const byKey = groupBy(sends, ({ tenantId, sent }) => `${tenantId} ${sent?.idempotencyKey ?? ''}`);
  for (const [key, requests] of byKey) {
    const answered = requests.filter(({ status }) => status !== null && status < 300);
    const ids = new Set(answered.flatMap(({ seen }) => seen.map(({ id }) => id)));
    if (ids.size > 1)
      report([...ids].join(', '), 'one key was answered with several messages', { key, requests });
    const refs = new Set(answered.map(({ sent }) => sent?.ref));
    if (refs.size > 1)
      report([...ids].join(', '), 'one key was accepted for different requests', { key, requests });
    const all = new Set(requests.map(({ sent }) => sent?.ref ?? ''));
    const messages = [...all].flatMap((ref) => index.messagesByRef.get(ref) ?? []);
    if (messages.length > 1) {
      report(messages.map(({ id }) => id).join(', '), 'one key made several messages', {
        key,
        requests,
        messages,
      });
    }
  }
  for (const [ref, messages] of index.messagesByRef) {
    const isKeyed = index.sentByRef.get(ref)?.idempotencyKey != null;
    const requests = sendsOf(index, ref);
    // Without a key each request that may have been taken is a message of its own.
    if (!isKeyed && messages.length > requests) {
      report(messages.map(({ id }) => id).join(', '), 'one request made several messages', { messages });
    }
  }
}

function sendsOf(index: HistoryIndex, ref: string): number {
  return index.history.client.filter(({ kind, sent }) => kind === 'send' && sent?.ref === ref).length;
}
