import { groupBy, type HistoryIndex } from '../history-index.js';
import type { HandOver } from '../history.js';
import type { Report } from '../violation.js';

/** I2: WhatsApp gets a message once, under one id; and nothing that nobody wanted. */
export function checkHandOvers(index: HistoryIndex, report: Report): void {
  const known = new Set<HandOver>();
  for (const message of index.outbound()) {
    const handOvers = index.handOversOf(message);
    for (const one of handOvers) known.add(one);
    const count = handOvers.reduce((sum, one) => sum + one.handOvers, 0);
    if (count > 1) report(message.id, `was handed over ${String(count)} times`, { handOvers });
  }
  for (const [said, handOvers] of groupBy(index.history.handOvers.filter(isOurs), saidBy)) {
    const ids = new Set(handOvers.map(({ waMessageId }) => waMessageId));
    if (ids.size > 1) report(said, 'left under more than one id', { handOvers });
  }
  for (const handOver of index.history.handOvers) {
    if (!known.has(handOver)) report(handOver.waMessageId, 'left and belongs to no message', { handOver });
  }
}

/** Texts of a run are unique to their wish. */
function saidBy({ from, text, sha256 }: HandOver): string {
  return `${from} ${text ?? ''} ${sha256 ?? ''}`;
}

function isOurs({ text, sha256 }: HandOver): boolean {
  return text !== null || sha256 !== null;
}
