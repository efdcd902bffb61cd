import { groupBy, type HistoryIndex } from '../history-index.js';
import type { EventRecord, SeenMessage } from '../history.js';
import { mayFollow } from '../ladder.js';
import type { Report } from '../violation.js';

interface Sight extends SeenMessage {
  startedAtMs: number;
  endedAtMs: number;
}

const STATUS_OF_EVENT: Record<string, string> = {
  'message.sent': 'sent',
  'message.delivered': 'delivered',
  'message.read': 'read',
  'message.failed': 'failed',
  'message.unknown': 'unknown',
  'message.expired': 'expired',
  'message.cancelled': 'cancelled',
};

/** I7: no answer shows a message less far than an answer before it did, nor does the event log. */
export function checkMonotone(index: HistoryIndex, report: Report): void {
  // A repeated send is answered as it was the first time, so what sends show is left out.
  const sights = index.history.client.flatMap(({ kind, seen, startedAtMs, endedAtMs }) =>
    kind === 'send' ? [] : seen.map((message): Sight => ({ ...message, startedAtMs, endedAtMs })),
  );
  for (const [id, seen] of groupBy(sights, (sight) => sight.id)) {
    const last = index.messageById.get(id);
    if (last?.direction === 'in') continue;
    const end = {
      id,
      status: last?.status ?? '',
      ack: last?.ack ?? null,
      startedAtMs: Infinity,
      endedAtMs: Infinity,
    };
    checkSights(id, last ? [...seen, end] : seen, report);
  }
  checkEvents(index, report);
}

/** Only an answer that was there before a request began is before that request's. */
function checkSights(id: string, seen: Sight[], report: Report): void {
  const byStart = [...seen].sort((a, b) => a.startedAtMs - b.startedAtMs);
  const byEnd = [...seen].sort((a, b) => a.endedAtMs - b.endedAtMs);
  const earlier: Sight[] = [];
  let place = 0;
  for (const sight of byStart) {
    for (let next = byEnd[place]; next && next.endedAtMs < sight.startedAtMs; next = byEnd[++place]) {
      if (!earlier.some(({ status, ack }) => status === next.status && ack === next.ack)) earlier.push(next);
    }
    const higher = earlier.find(
      (before) =>
        !mayFollow(before.status, sight.status) || (before.ack ?? -1) > Math.max(sight.ack ?? -1, -1),
    );
    if (!higher) continue;
    report(id, `was ${higher.status} and then ${sight.status}`, { before: higher, after: sight });
    return;
  }
}

function checkEvents(index: HistoryIndex, report: Report): void {
  const { events = [] } = index.history;
  const told = events.filter(({ type, messageId }) => type in STATUS_OF_EVENT && messageId !== null);
  for (const [id, ofMessage] of groupBy(told, ({ messageId }) => messageId ?? '')) {
    ofMessage.sort((a, b) => (a.seq ?? Infinity) - (b.seq ?? Infinity));
    // What certainly did not leave goes back to the queue, and may be in doubt again under its next attempt.
    const doubts = ofMessage.filter((event) => statusOf(event) === 'unknown');
    const attempts = Math.max(1, index.attemptsOf.get(id)?.length ?? 0);
    if (doubts.length > attempts)
      report(id, 'was told to be unknown more often than it was tried', { doubts });
    for (const [place, event] of ofMessage.entries()) {
      const before = ofMessage[place - 1];
      if (!before) continue;
      const [from, to] = [statusOf(before), statusOf(event)];
      if (from === to && to !== 'unknown') report(id, `${to} was told twice in a row`, { before, event });
      else if (!mayFollow(from, to)) report(id, `${from} was told, and then ${to}`, { before, event });
    }
  }
}

function statusOf({ type, status }: EventRecord): string {
  return status ?? STATUS_OF_EVENT[type] ?? '';
}
