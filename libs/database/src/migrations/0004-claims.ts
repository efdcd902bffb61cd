/** Claims that are numbered for good, noted before a node is called, and end with their session. */
export default /* sql */ `
ALTER TABLE sessions
  -- A message of unknown fate holds back those behind it in its chat for as long as it stays unknown.
  ADD COLUMN strict_order boolean NOT NULL DEFAULT false;

ALTER TABLE messages
  -- How often it was claimed: the number of its newest attempt. Never counted down, so no number is used twice;
  -- "attempts" counts those that did reach a node.
  ADD COLUMN claims integer NOT NULL DEFAULT 0;

ALTER TABLE message_attempts
  ALTER COLUMN number TYPE integer,
  -- Set before the node is called: an attempt without it certainly did not leave, and needs no proof.
  ADD COLUMN called_at timestamptz,
  -- The session ended meanwhile, with this code: a message that did not leave fails with it and is not queued again.
  ADD COLUMN session_end text;

-- Row security binds the owner too; what follows is about the rows of every tenant.
ALTER TABLE messages NO FORCE ROW LEVEL SECURITY;
ALTER TABLE message_attempts NO FORCE ROW LEVEL SECURITY;
UPDATE messages m SET claims = greatest(m.attempts, (SELECT coalesce(max(a.number), 0) FROM message_attempts a
  WHERE a.tenant_id = m.tenant_id AND a.message_id = m.id))
WHERE m.status IN ('queued', 'sending', 'unknown') AND m.direction = 'out';
-- The version before did not note calls.
UPDATE message_attempts SET called_at = started_at WHERE ended_at IS NULL;
ALTER TABLE messages FORCE ROW LEVEL SECURITY;
ALTER TABLE message_attempts FORCE ROW LEVEL SECURITY;

DROP INDEX messages_retry;
CREATE INDEX messages_retry ON messages (session_id, due_at) WHERE status = 'queued' AND claims > 0;

-- What the version before calls. It does not note that it calls a node, so it must not claim beside this one; its
-- processes end the sends they have under way and leave the rest to the new ones.
CREATE OR REPLACE FUNCTION wagate_claim_messages(target text, claimer text, wa_ids text[], unknown_block interval)
RETURNS jsonb LANGUAGE sql AS $$ SELECT jsonb_build_object('state', 'held') $$;

-- Keeps claims of a session apart, and its end away from them; held until the commit.
CREATE FUNCTION wagate_lock_claims(target text) RETURNS void LANGUAGE sql AS $$
  SELECT pg_advisory_xact_lock(hashtextextended(target, 7421609302))
$$;

-- Takes the next due messages of a connected session for the process "claimer": marks them "sending" and writes an
-- attempt for each, under a WhatsApp id that is chosen now ("wa_ids", as many as messages are wanted; a message tried
-- before keeps its own). The attempts are not called yet: the process notes that before it calls. Answers
-- { state, session?, messages? }, state being
--   claimed   messages follow, in the order in which they are to leave
--   idle      nothing is due
--   held      the session is not connected, or its node is not heard of
--   locked    another process claims at this moment
--   busy      another process has messages of this session under way
-- The lock and the look at the queue are two statements: in one, READ COMMITTED would show the queue as it was before
-- the lock was had. The lock is not the session's row, which the intake of a busy session holds most of the time.
-- A chat waits behind a message of its own that is to be tried again later, and behind one whose fate is not known:
-- for "unknown_block" from when that was clear, or in a session of strict order for as long as it is so.
CREATE FUNCTION wagate_claim_due_messages(target text, claimer text, wa_ids text[], unknown_block interval)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  owner record;
  waiting text[];
  claimed jsonb;
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtextextended(target, 7421609302)) THEN
    RETURN jsonb_build_object('state', 'locked');
  END IF;
  SELECT s.tenant_id, s.epoch, s.node_name, s.strict_order, n.url, n.boot_id,
    s.state = 'connected' AND s.desired = 'running' AND n.last_seen_at > now() - interval '20 s' AS ready
  INTO owner FROM sessions s LEFT JOIN nodes n ON n.name = s.node_name WHERE s.id = target;
  IF owner.ready IS NOT TRUE THEN
    RETURN jsonb_build_object('state', 'held');
  END IF;
  IF EXISTS (SELECT FROM message_attempts WHERE session_id = target AND ended_at IS NULL AND claimed_by <> claimer) THEN
    RETURN jsonb_build_object('state', 'busy');
  END IF;
  SELECT array_agg(w.chat_wa_id) INTO waiting FROM (
    SELECT chat_wa_id FROM messages
    WHERE session_id = target AND status = 'queued' AND claims > 0 AND due_at > now()
    UNION
    SELECT m.chat_wa_id FROM messages m LEFT JOIN message_attempts a
      ON a.tenant_id = m.tenant_id AND a.message_id = m.id AND a.number = m.claims
    WHERE m.session_id = target AND m.status = 'unknown'
      AND (owner.strict_order OR coalesce(a.ended_at, now()) > now() - unknown_block)
  ) w;

  WITH due AS (
    SELECT q.tenant_id, q.id, q.priority FROM messages q
    WHERE q.session_id = target AND q.status = 'queued' AND q.due_at <= now()
      AND (q.expires_at IS NULL OR q.expires_at > now())
      AND q.chat_wa_id <> ALL (coalesce(waiting, '{}'))
    ORDER BY q.priority DESC, q.id LIMIT cardinality(wa_ids) FOR UPDATE
  ), numbered AS (
    SELECT due.*, row_number() OVER (ORDER BY priority DESC, id) AS place FROM due
  ), taken AS (
    UPDATE messages m SET status = 'sending', attempts = m.attempts + 1, claims = m.claims + 1,
      wa_message_id = coalesce(m.wa_message_id, wa_ids[numbered.place])
    FROM numbered WHERE m.tenant_id = numbered.tenant_id AND m.id = numbered.id
    RETURNING m.*, numbered.place
  ), attempt AS (
    INSERT INTO message_attempts (tenant_id, message_id, number, session_id, wa_message_id, node_name, node_boot_id,
      epoch, claimed_by)
    SELECT tenant_id, id, claims, session_id, wa_message_id, owner.node_name, owner.boot_id, owner.epoch, claimer
    FROM taken
  )
  SELECT jsonb_agg(jsonb_build_object('id', t.id, 'attempt', t.claims, 'waMessageId', t.wa_message_id,
    'chatId', t.chat_wa_id, 'content', t.content, 'linkPreview', t.link_preview, 'expiresAt', t.expires_at,
    'objectKey', media.object_key, 'mediaSize', media.size, 'quotedWaKey', quoted.wa_key,
    -- How often the page died while it was about to be handed over.
    'crashes', CASE WHEN t.claims = 1 THEN 0 ELSE (SELECT count(*) FROM message_attempts a
      WHERE a.tenant_id = t.tenant_id AND a.message_id = t.id AND a.reason = 'page_crashed') END) ORDER BY t.place)
  INTO claimed FROM taken t
  LEFT JOIN media ON media.tenant_id = t.tenant_id AND media.id = t.media_id
  LEFT JOIN messages quoted ON quoted.tenant_id = t.tenant_id AND quoted.id = t.quoted_message_id;
  IF claimed IS NULL THEN
    RETURN jsonb_build_object('state', 'idle');
  END IF;
  RETURN jsonb_build_object('state', 'claimed', 'messages', claimed, 'session', jsonb_build_object(
    'tenantId', owner.tenant_id, 'epoch', owner.epoch, 'nodeName', owner.node_name, 'nodeUrl', owner.url,
    'bootId', owner.boot_id));
END $$;
`;
