import { groupBy, type HistoryIndex } from '../history-index.js';
import type { Report } from '../violation.js';

/** I8: what clients read of the log is the log, whole, each event once. */
export function checkEventLog(index: HistoryIndex, report: Report): void {
  const { events, readEvents } = index.history;
  if (!events) return;
  for (const [id, same] of groupBy(events, (event) => event.id)) {
    if (same.length > 1) report(id, 'two events have one id', { events: same });
  }
  if (!readEvents) return;
  const stored = new Map(events.map((event) => [event.id, event]));
  for (const event of readEvents) {
    const row = stored.get(event.id);
    if (!row) report(event.id, 'was read and is not in the log', { event });
    else if (row.seq !== event.seq || row.tenantId !== event.tenantId) {
      report(event.id, 'was read under another number or tenant', { row, event });
    }
  }
  const read = groupBy(readEvents, ({ id }) => id);
  for (const event of events) {
    const times = read.get(event.id)?.length ?? 0;
    if (times === 0) report(event.id, 'is in the log and was never read', { event });
    if (times > 1) report(event.id, `was read ${String(times)} times by one reader`, { event });
  }
}

/** I10: a tenant's events are numbered 1, 2, 3 … */
export function checkEventNumbers(index: HistoryIndex, report: Report): void {
  for (const [tenantId, events] of groupBy(index.history.events ?? [], (event) => event.tenantId)) {
    const unnumbered = events.filter(({ seq }) => seq === null);
    for (const event of unnumbered) report(event.id, 'never got a number', { event });
    const sorted = events
      .flatMap((event) => (event.seq === null ? [] : [{ ...event, seq: event.seq }]))
      .sort((a, b) => a.seq - b.seq);
    for (const [place, event] of sorted.entries()) {
      const expected = (sorted[place - 1]?.seq ?? 0) + 1;
      if (event.seq === expected) continue;
      const what =
        event.seq < expected
          ? 'has the number of another event'
          : `follows a hole before ${String(event.seq)}`;
      report(event.id, what, { tenantId, expected, event });
    }
  }
}
