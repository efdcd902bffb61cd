/** What is kept of an answer for requests that are repeated says no more than its message does. */
export default /* sql */ `
-- The answer of a message or file, when that is removed.
CREATE INDEX idempotency_keys_resource ON idempotency_keys (tenant_id, resource_id) WHERE resource_id IS NOT NULL;

-- A message that was deleted for everyone says nothing here either; that it was accepted, and as what, stays.
CREATE FUNCTION wagate_blank_revoked_answer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE idempotency_keys k SET response_body = (k.response_body::jsonb || jsonb_build_object('type', 'unsupported',
    'text', NULL, 'caption', NULL, 'media', NULL, 'content', NULL,
    'revokedAt', to_char(NEW.revoked_at AT TIME ZONE 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')))::text
  WHERE k.tenant_id = NEW.tenant_id AND k.resource_id = NEW.id AND k.response_body IS NOT NULL;
  RETURN NULL;
END $$;
CREATE TRIGGER messages_revoked AFTER UPDATE OF revoked_at ON messages FOR EACH ROW
  WHEN (OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL) EXECUTE FUNCTION wagate_blank_revoked_answer();
`;
