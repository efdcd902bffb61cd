import { REASON_TEXT, type SessionReason } from '#contracts';
import type { NewEvent } from '../events/index.js';

/** What tenants are told of the state of a session. */
export interface ToldState {
  tenantId: string;
  id: string;
  state: string;
  reason: SessionReason;
  action: string | null;
  since: Date;
}

/** Columns of `sessions s` that make a ToldState, for statements that change many. */
export const TOLD_COLUMNS = `s.tenant_id AS "tenantId", s.id, s.state, s.reason, s.action, s.since`;

/** The event of a session that has just got the state it has. */
export function stateChanged({ tenantId, id, state, reason, action, since }: ToldState): NewEvent {
  const data = { state, reason, reasonText: REASON_TEXT[reason], action, since };
  return { tenantId, sessionId: id, type: 'session.state_changed', data };
}
