/** Search in what did not go well, over all sessions of a tenant. */
export default /* sql */ `
-- In the order of ids, so that a search looks at no more messages than it needs; the session is in it to pass over those
-- that a key may not see. None of the messages is in it when it is accepted.
CREATE INDEX messages_rare_end_ids ON messages (tenant_id, status, id, session_id)
  WHERE status IN ('failed', 'expired', 'cancelled', 'unknown', 'unknown_final');
`;
