import type { HistoryIndex } from '../history-index.js';
import type { HandOver, MessageRecord } from '../history.js';
import { LEFT, NEVER_LEFT } from '../ladder.js';
import type { Report } from '../violation.js';

const ACK_OF_STATUS: Record<string, number> = { sent: 1, delivered: 2, read: 3, played: 4 };

/** I3: what is said to have left has left, as it was asked for; what is said not to have left has not. */
export function checkTruth(index: HistoryIndex, report: Report): void {
  for (const message of index.outbound()) {
    const handOvers = index.handOversOf(message);
    const acks = Math.max(-2, ...handOvers.map(({ ack }) => ack));
    if (LEFT.has(message.status)) {
      if (handOvers.length === 0) {
        report(message.id, `is ${message.status} and WhatsApp does not have it`, { message });
      } else if (acks < (ACK_OF_STATUS[message.status] ?? 0)) {
        report(message.id, `is ${message.status}, and WhatsApp said less`, { message, handOvers });
      }
    } else if (acks >= 1 && !NEVER_LEFT.has(message.status)) {
      report(message.id, `is ${message.status}, and WhatsApp acknowledged it`, { message, handOvers });
    }
    for (const handOver of handOvers) checkContent(index, message, handOver, report);
  }
}

function checkContent(index: HistoryIndex, message: MessageRecord, handOver: HandOver, report: Report): void {
  const wish = index.sentByRef.get(message.clientRef ?? '');
  if (!wish) return;
  const isSame =
    handOver.text === wish.text && sameChat(handOver.to, wish.to) && message.sessionId === wish.sessionId;
  if (!isSame)
    report(message.id, 'says something else, or went to somebody else, than was asked for', {
      wish,
      handOver,
    });
}

function sameChat(one: string, other: string): boolean {
  return bare(one) === bare(other);
}

function bare(to: string): string {
  return to.replace(/^\+/, '').replace(/@(c\.us|s\.whatsapp\.net)$/, '');
}
