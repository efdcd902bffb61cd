import { groupBy, type HistoryIndex } from '../history-index.js';
import type { MessageRecord } from '../history.js';
import type { Report } from '../violation.js';

interface Departure {
  message: MessageRecord;
  /** When the first request that may have made it began, and when the first one that says so was answered. */
  askedAtMs: number;
  acceptedAtMs: number;
  order: number;
  /** Start of the attempt under which it left. */
  startedAtMs: number;
  /** Start of its last attempt whose outcome was in doubt for a while; that held its chat back for so long only. */
  doubtedAtMs: number | null;
}

/**
 * I5: of two messages of a chat the one whose acceptance was answered before the other was asked for leaves first,
 * unless the later one has a higher priority, or waited its time behind one of unknown fate.
 */
export function checkOrder(index: HistoryIndex, report: Report): void {
  const { unknownBlockMs } = index.history.settings;
  for (const chat of groupBy(departuresOf(index), ({ message }) => chatOf(message)).values()) {
    chat.sort((a, b) => a.order - b.order);
    for (const [place, later] of chat.entries()) {
      const overtaken = chat.slice(place + 1).find((earlier) => {
        const isBefore = earlier.acceptedAtMs < later.askedAtMs;
        const isHeld =
          earlier.doubtedAtMs !== null && later.startedAtMs - earlier.doubtedAtMs >= unknownBlockMs;
        return isBefore && earlier.message.priority >= later.message.priority && !isHeld;
      });
      if (!overtaken) continue;
      report(later.message.id, `left before ${overtaken.message.id} of its chat`, { later, overtaken });
    }
  }
}

function chatOf({ sessionId, chatId }: MessageRecord): string {
  return `${sessionId} ${chatId}`;
}

function departuresOf(index: HistoryIndex): Departure[] {
  const asked = new Map<string, number>();
  for (const { kind, sent, startedAtMs } of index.history.client) {
    if (kind !== 'send' || !sent) continue;
    asked.set(sent.ref, Math.min(asked.get(sent.ref) ?? Infinity, startedAtMs));
  }
  const accepted = new Map<string, number>();
  for (const { request, messageId } of index.accepted) {
    if (!accepted.has(messageId)) accepted.set(messageId, request.endedAtMs);
  }
  return index.outbound().flatMap((message) => {
    const acceptedAtMs = accepted.get(message.id) ?? Infinity;
    const askedAtMs = asked.get(message.clientRef ?? '') ?? message.createdAtMs;
    return departureOf(index, message, askedAtMs, acceptedAtMs);
  });
}

function departureOf(
  index: HistoryIndex,
  message: MessageRecord,
  askedAtMs: number,
  acceptedAtMs: number,
): Departure[] {
  const [handOver] = index.handOversOf(message);
  if (!handOver) return [];
  const attempts = index.attemptsOf.get(message.id) ?? [];
  const own = attempts.filter(({ waMessageId }) => waMessageId === handOver.waMessageId);
  const doubted = attempts.filter(
    ({ outcome, reason }) => outcome === 'unknown' || reason === 'never_started',
  );
  return [
    {
      message,
      askedAtMs,
      acceptedAtMs,
      order: handOver.order,
      startedAtMs: Math.max(0, ...own.map((attempt) => attempt.startedAtMs)),
      doubtedAtMs: doubted.length > 0 ? Math.max(...doubted.map((attempt) => attempt.startedAtMs)) : null,
    },
  ];
}
