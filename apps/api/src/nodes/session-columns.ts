import type { SessionRow } from '#database';

/** A session as raw statements read it. */
export type StoredSession = SessionRow & {
  /** Time since the node last reported something new of it, by the database's clock; null: it never did. */
  reportedAgoMs: number | null;
};

/** Columns of `sessions` for raw statements, named as the fields of StoredSession. */
export const SESSION_COLUMNS = `tenant_id AS "tenantId", id, name, mode, desired, node_name AS "nodeName", epoch,
  state, reason, action, detail, since, proven_at AS "provenAt", phone, wa_id AS "waId", lid,
  profile_name AS "profileName", linked_at AS "linkedAt", daily_message_limit AS "dailyMessageLimit",
  pacing, typing, strict_order AS "strictOrder", paused_at AS "pausedAt", paused_until AS "pausedUntil",
  pause_reason AS "pauseReason",
  reported_since AS "reportedSince", reported_at AS "reportedAt", created_at AS "createdAt", updated_at AS "updatedAt",
  (extract(epoch FROM now() - reported_at) * 1000)::float8 AS "reportedAgoMs"`;
