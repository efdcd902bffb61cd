import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Query } from '#database';
import type { FactOf, StoredSession } from '../../nodes/index.js';

/** A fact about a message that may not be stored yet. */
export type ChangeFact = FactOf<'message.edit' | 'message.revoke' | 'message.reactions'>;

const KEEP = {
  name: 'early_changes_keep',
  text: `INSERT INTO early_changes (tenant_id, session_id, wa_message_id, hash, fact)
    SELECT $1, $2, e.id, decode(e.hash, 'hex'), e.fact
    FROM jsonb_to_recordset($3::jsonb) AS e(id text, hash text, fact jsonb)
    ON CONFLICT (tenant_id, session_id, wa_message_id, hash) DO NOTHING`,
};
/** Most are about messages from before the link, which never come. */
const FORGET = {
  name: 'early_changes_forget',
  text: `DELETE FROM early_changes WHERE (tenant_id, session_id, wa_message_id, hash) IN (
    SELECT tenant_id, session_id, wa_message_id, hash FROM early_changes
    WHERE tenant_id = $1 AND session_id = $2 AND created_at < now() - interval '7 days' LIMIT 1000)`,
};
const TAKE = {
  name: 'early_changes_take',
  text: `DELETE FROM early_changes WHERE tenant_id = $1 AND session_id = $2 AND wa_message_id = ANY($3) RETURNING fact`,
};

/** Changes that came before their message: they wait for it. Needs a worker transaction that holds the session's row. */
@Injectable()
export class EarlyChanges {
  async keep(query: Query, session: StoredSession, facts: readonly ChangeFact[]): Promise<void> {
    if (facts.length === 0) return;
    const rows = facts.map((fact) => ({
      id: fact.target.waMessageId,
      hash: createHash('sha256').update(JSON.stringify(fact)).digest('hex'),
      fact,
    }));
    await query(KEEP, [session.tenantId, session.id, JSON.stringify(rows)]);
    await query(FORGET, [session.tenantId, session.id]);
  }

  /** What waited for messages with these WhatsApp ids; it waits no more. */
  async take(query: Query, session: StoredSession, waMessageIds: readonly string[]): Promise<ChangeFact[]> {
    const rows = await query<{ fact: ChangeFact }>(TAKE, [session.tenantId, session.id, waMessageIds]);
    return rows.map(({ fact }) => fact);
  }
}
