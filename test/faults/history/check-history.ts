import { HistoryIndex } from './history-index.js';
import type { History } from './history.js';
import { checkAcceptance } from './invariants/acceptance.js';
import { checkEventLog, checkEventNumbers } from './invariants/events.js';
import { checkHandOvers } from './invariants/hand-overs.js';
import { checkIdempotency } from './invariants/idempotency.js';
import { checkInbound } from './invariants/inbound.js';
import { checkMedia } from './invariants/media.js';
import { checkMonotone } from './invariants/monotone.js';
import { checkOrder } from './invariants/order.js';
import { checkTenants } from './invariants/tenants.js';
import { checkTooLate } from './invariants/too-late.js';
import { checkTruth } from './invariants/truth.js';
import type { Invariant, Report, Violation } from './violation.js';

type Check = (index: HistoryIndex, report: Report) => void;

const CHECKS: Record<Invariant, Check> = {
  I1: checkAcceptance,
  I2: checkHandOvers,
  I3: checkTruth,
  I4: checkIdempotency,
  I5: checkOrder,
  I6: checkInbound,
  I7: checkMonotone,
  I8: checkEventLog,
  I9: checkTenants,
  I10: checkEventNumbers,
  I11: checkMedia,
  I12: checkTooLate,
};

/** Every promise that a history breaks; an empty list is a clean run. Pure: it reads nothing but the history. */
export function checkHistory(history: History): Violation[] {
  const index = new HistoryIndex(history);
  const violations: Violation[] = [];
  for (const [invariant, check] of Object.entries(CHECKS) as [Invariant, Check][]) {
    check(index, (id, what, evidence) => violations.push({ invariant, id, what, evidence }));
  }
  return violations;
}
