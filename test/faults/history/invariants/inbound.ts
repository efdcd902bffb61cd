import { groupBy, type HistoryIndex } from '../history-index.js';
import type { MessageRecord, PushedMessage } from '../history.js';
import type { Report } from '../violation.js';

const ANNOUNCEMENTS: ReadonlySet<string> = new Set(['message.received', 'message.undecryptable']);

/** I6: what phones sent to a session and what is recorded are the same messages, in the same order, announced once. */
export function checkInbound(index: HistoryIndex, report: Report): void {
  const rows = index.history.messages.filter(({ direction }) => direction === 'in');
  const rowsByKey = groupBy(rows, (row) => `${row.sessionId} ${row.waMessageId ?? ''}`);
  const expected = new Map<string, PushedMessage>();
  for (const pushed of index.history.pushed) {
    const sessionId = index.sessionOfPhone.get(pushed.to);
    if (sessionId === undefined) continue;
    const key = `${sessionId} ${pushed.waMessageId}`;
    expected.set(key, pushed);
    const found = rowsByKey.get(key) ?? [];
    if (found.length === 0) report(pushed.waMessageId, 'came in and is not recorded', { pushed });
    if (found.length > 1) report(pushed.waMessageId, 'is recorded more than once', { rows: found });
    for (const row of found) checkContent(row, pushed, report);
  }
  for (const [key, found] of rowsByKey) {
    if (!expected.has(key)) report(found[0]?.id ?? key, 'is recorded and nobody sent it', { rows: found });
  }
  checkOrder(rows, expected, report);
  checkAnnounced(index, rows, report);
}

function checkContent(row: MessageRecord, pushed: PushedMessage, report: Report): void {
  if (pushed.isOpaque || row.text === pushed.text) return;
  report(row.id, 'says something else than was sent', { row, pushed });
}

/** As the API lists a chat: by WhatsApp's time, in whole seconds, and then in the order in which they were recorded. */
function checkOrder(
  rows: MessageRecord[],
  expected: ReadonlyMap<string, PushedMessage>,
  report: Report,
): void {
  for (const chat of groupBy(rows, (row) => `${row.sessionId} ${row.chatId}`).values()) {
    const listed = [...chat].sort((a, b) => a.occurredAtMs - b.occurredAtMs || (a.id < b.id ? -1 : 1));
    let last = { order: -1, id: '' };
    for (const row of listed) {
      const order = expected.get(`${row.sessionId} ${row.waMessageId ?? ''}`)?.order;
      if (order === undefined) continue;
      if (order < last.order) report(row.id, `stands behind ${last.id} and was sent before it`, { row });
      else last = { order, id: row.id };
    }
  }
}

function checkAnnounced(index: HistoryIndex, rows: MessageRecord[], report: Report): void {
  const { events } = index.history;
  if (!events) return;
  const announced = groupBy(
    events.filter(({ type }) => ANNOUNCEMENTS.has(type)),
    ({ messageId }) => messageId ?? '',
  );
  const ids = new Set(rows.map(({ id }) => id));
  for (const id of ids) {
    const found = announced.get(id) ?? [];
    if (found.length === 0) report(id, 'was recorded and not announced', { id });
    const types = new Set(found.map(({ type }) => type));
    if (types.size < found.length) report(id, 'was announced more than once', { events: found });
  }
  for (const [id, found] of announced) {
    if (!ids.has(id)) report(id, 'was announced and is not recorded', { events: found });
  }
}
