/** Lists of what did not go well, within a range of time. */
export default /* sql */ `
-- Such messages are few among many, and the index of a session's times would be read for all of them. None of them is in
-- it when it is accepted.
CREATE INDEX messages_rare_end ON messages (tenant_id, session_id, status, occurred_at, id)
  WHERE status IN ('failed', 'expired', 'cancelled', 'unknown', 'unknown_final');
`;
