import type { Query } from '#database';

/**
 * Idempotency keys come first in the order of locks, so those of what is about to be removed are held before it; what
 * somebody else holds is left to the next clean-up.
 */
const HOLD = {
  name: 'retention_answers_hold',
  text: `WITH held AS MATERIALIZED (
      SELECT k.operation, k.key FROM idempotency_keys k WHERE k.tenant_id = $1 AND k.resource_id = ANY ($2::text[])
      ORDER BY k.operation, k.key FOR UPDATE SKIP LOCKED
    )
    SELECT wanted.id FROM unnest($2::text[]) AS wanted (id) WHERE NOT EXISTS (
      SELECT FROM idempotency_keys k WHERE k.tenant_id = $1 AND k.resource_id = wanted.id
        AND NOT EXISTS (SELECT FROM held WHERE held.operation = k.operation AND held.key = k.key))`,
};

/**
 * A common table expression that takes out of the stored answers what messages said, to whom, and what their sender
 * noted; `gone` has their id and status, $1 is the tenant. What stays is a whole answer: a request that is repeated is
 * known again, and told under which id it was accepted and how that ended.
 */
export const ANSWERS_WITHOUT_MESSAGE = `answers_without AS (
  UPDATE idempotency_keys k SET response_body = (k.response_body::jsonb || jsonb_build_object(
    'type', 'unsupported', 'text', NULL, 'caption', NULL, 'media', NULL, 'content', NULL, 'quoted', NULL,
    'clientRef', NULL, 'metadata', NULL, 'eta', NULL, 'expiresFirst', false, 'status', gone.status,
    'chat', '{"id": null, "phone": null, "lid": null, "name": null, "kind": null}'::jsonb,
    'to', '{"id": null, "phone": null, "lid": null, "name": null}'::jsonb))::text
  FROM gone WHERE k.tenant_id = $1 AND k.resource_id = gone.id AND k.response_body IS NOT NULL)`;

/** The same of uploaded files, whose names say something. */
export const ANSWERS_WITHOUT_FILE = `answers_without AS (
  UPDATE idempotency_keys k SET response_body = (k.response_body::jsonb || jsonb_build_object(
    'state', 'expired', 'filename', NULL, 'sha256', NULL, 'url', NULL, 'error', 'removed'))::text
  FROM gone WHERE k.tenant_id = $1 AND k.resource_id = gone.id AND k.response_body IS NOT NULL)`;

/** Holds the stored answers of messages or files; resolves with the ids of which no answer is held by others. */
export async function holdAnswers(query: Query, tenantId: string, ids: readonly string[]): Promise<string[]> {
  if (ids.length === 0) return [];
  const free = await query<{ id: string }>(HOLD, [tenantId, ids]);
  return free.map(({ id }) => id);
}
