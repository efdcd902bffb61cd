/** The queue on the message table: accept, claim, look-up; as functions, so that each is one round trip. */
export default /* sql */ `
ALTER TABLE message_attempts
  -- The api process that made it; an attempt without an end whose process is gone is nobody's any more.
  ADD COLUMN claimed_by text NOT NULL,
  -- When to look next for what became of it; null: nothing to look for.
  ADD COLUMN lookup_at timestamptz,
  ADD COLUMN lookups smallint NOT NULL DEFAULT 0;
CREATE INDEX message_attempts_open ON message_attempts (session_id) WHERE ended_at IS NULL;
CREATE INDEX message_attempts_lookup ON message_attempts (lookup_at) WHERE lookup_at IS NOT NULL;

-- Workers know a session by its id alone.
CREATE INDEX sessions_id ON sessions (id);
CREATE INDEX messages_unknown ON messages (session_id, id) WHERE status = 'unknown';
CREATE INDEX messages_expiry ON messages (expires_at) WHERE status = 'queued';
CREATE INDEX messages_retry ON messages (session_id, due_at) WHERE status = 'queued' AND attempts > 0;
-- Messages wait in the queue without a key: those rows need no entry.
DROP INDEX messages_wa_key;
CREATE UNIQUE INDEX messages_wa_key ON messages (tenant_id, session_id, wa_key) WHERE wa_key IS NOT NULL;

-- Inbound media is downloaded by jobs, one per session at a time: the time until which a process is at it.
ALTER TABLE media ADD COLUMN claimed_until timestamptz;
CREATE INDEX media_claimed ON media (session_id) WHERE state = 'pending' AND claimed_until IS NOT NULL;

-- Tells every process that what it remembers of a tenant's sessions is out of date.
CREATE FUNCTION wagate_announce_session_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('wagate_sessions', coalesce(NEW.tenant_id, OLD.tenant_id));
  RETURN NULL;
END $$;
CREATE TRIGGER sessions_changed AFTER INSERT OR DELETE ON sessions
  FOR EACH ROW EXECUTE FUNCTION wagate_announce_session_change();
CREATE TRIGGER sessions_updated AFTER UPDATE ON sessions FOR EACH ROW
  WHEN ((OLD.name, OLD.mode, OLD.desired, OLD.state, OLD.linked_at) IS DISTINCT FROM
    (NEW.name, NEW.mode, NEW.desired, NEW.state, NEW.linked_at))
  EXECUTE FUNCTION wagate_announce_session_change();

-- Counts up to n messages against the daily caps of a tenant and its session: as many as there is room for ("taken");
-- "reached" names the cap that let no more in. Takers of one cap take turns, each until it commits; where there is no
-- cap nobody waits. Callers that count for several sessions do so in the order of tenant and session.
CREATE FUNCTION wagate_take_daily_room(tenant text, session text, n integer, OUT taken integer, OUT reached text)
LANGUAGE plpgsql AS $$
DECLARE
  today date := (now() AT TIME ZONE 'utc')::date;
  own smallint := pg_backend_pid() % 16;
  caps record;
  used bigint;
BEGIN
  SELECT t.daily_message_limit AS for_tenant,
    coalesce(s.daily_message_limit, t.session_daily_message_limit) AS for_session INTO caps
  FROM tenants t LEFT JOIN sessions s ON s.tenant_id = t.id AND s.id = session WHERE t.id = tenant;
  taken := n;
  IF caps.for_tenant IS NOT NULL THEN
    PERFORM pg_advisory_xact_lock(hashtextextended('daily cap of ' || tenant, 0));
    SELECT coalesce(sum(u.accepted), 0) INTO used FROM usage_daily u
    WHERE u.tenant_id = tenant AND u.day = today AND u.session_id = '';
    taken := greatest(least(taken, caps.for_tenant - used), 0);
    reached := CASE WHEN taken < n THEN 'tenant' END;
  END IF;
  IF caps.for_session IS NOT NULL AND taken > 0 THEN
    PERFORM pg_advisory_xact_lock(hashtextextended('daily cap of ' || tenant || ' ' || session, 0));
    SELECT coalesce(sum(u.accepted), 0) INTO used FROM usage_daily u
    WHERE u.tenant_id = tenant AND u.day = today AND u.session_id = session;
    IF caps.for_session - used < taken THEN
      taken := greatest(caps.for_session - used, 0);
      reached := 'session';
    END IF;
  END IF;
  IF taken > 0 THEN
    INSERT INTO usage_daily AS u (tenant_id, day, session_id, shard, accepted)
    VALUES (tenant, today, '', own, taken), (tenant, today, session, own, taken)
    ON CONFLICT (tenant_id, day, session_id, shard) DO UPDATE SET accepted = u.accepted + excluded.accepted;
  END IF;
END $$;

-- Accepts messages of any tenants in one go. Each element of the batch is
--   { id, tenant, session, chat, type, content, media, quotedMessage, quotedWa, clientRef, metadata, linkPreview,
--     priority, expiresAt, createdAt, operation, key, hash, body }
-- where key, with hash (hex) and body (the answer), is the caller's idempotency key, or null. Accepted is what is not
-- answered; one row for each of the others, which leave nothing behind:
--   replayed      the key was used for the same request before: body is that answer
--   key_reused    the key was used for another request
--   in_progress   the key's first request has not been answered yet
--   tenant_cap, session_cap    the daily cap is reached
--   session_gone, media_gone   it was deleted meanwhile
-- Locks are taken in one order: keys, media, counters, messages. Statements look rows up by single values, or use the
-- batch alone: joined with a table, the planner would choose a plan while the table is small and keep it.
CREATE FUNCTION wagate_accept_messages(batch jsonb, announce boolean)
RETURNS TABLE (id text, outcome text, body text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  fresh text[];
  taken text[] := '{}';
  refused jsonb := '{}';
  part record;
  room record;
  one text;
BEGIN
  WITH ours AS (
    INSERT INTO idempotency_keys AS k
      (tenant_id, operation, key, request_hash, response_status, response_body, resource_id)
    SELECT DISTINCT ON (r.tenant, r.operation, r.key)
      r.tenant, r.operation, r.key, decode(r.hash, 'hex'), 202, r.body, r.id
    FROM jsonb_to_recordset(batch) AS r(id text, tenant text, operation text, key text, hash text, body text)
    WHERE r.key IS NOT NULL
    ORDER BY r.tenant, r.operation, r.key
    ON CONFLICT (tenant_id, operation, key) DO UPDATE SET request_hash = excluded.request_hash,
      response_status = excluded.response_status, response_body = excluded.response_body,
      resource_id = excluded.resource_id, created_at = now(), expires_at = now() + interval '7 days'
    WHERE k.expires_at <= now()
    RETURNING k.resource_id
  )
  SELECT array_agg(o.resource_id) INTO fresh FROM ours o;

  FOR part IN
    SELECT r.tenant, r.session, array_agg(r.id ORDER BY r.id) AS ids, array_agg(r.media ORDER BY r.id) AS media
    FROM jsonb_to_recordset(batch) AS r(id text, tenant text, session text, key text, media text)
    WHERE r.key IS NULL OR r.id = ANY (fresh)
    GROUP BY r.tenant, r.session ORDER BY r.tenant, r.session
  LOOP
    PERFORM FROM sessions s WHERE s.tenant_id = part.tenant AND s.id = part.session AND s.desired <> 'deleted';
    IF NOT FOUND THEN
      FOREACH one IN ARRAY part.ids LOOP
        refused := refused || jsonb_build_object(one, 'session_gone');
      END LOOP;
      CONTINUE;
    END IF;
    -- Held until the commit, so that the file of a message in the queue cannot be deleted.
    FOR i IN 1..cardinality(part.media) LOOP
      CONTINUE WHEN part.media[i] IS NULL;
      PERFORM FROM media d WHERE d.tenant_id = part.tenant AND d.id = part.media[i] AND d.state = 'stored' FOR KEY SHARE;
      IF NOT FOUND THEN
        refused := refused || jsonb_build_object(part.ids[i], 'media_gone');
      END IF;
    END LOOP;
    IF refused <> '{}' THEN
      part.ids := ARRAY(SELECT x FROM unnest(part.ids) AS x WHERE NOT refused ? x);
      CONTINUE WHEN cardinality(part.ids) = 0;
    END IF;
    SELECT * INTO room FROM wagate_take_daily_room(part.tenant, part.session, cardinality(part.ids));
    taken := taken || part.ids[1:room.taken];
    FOREACH one IN ARRAY part.ids[room.taken + 1:] LOOP
      refused := refused || jsonb_build_object(one, room.reached || '_cap');
    END LOOP;
  END LOOP;

  INSERT INTO messages (tenant_id, id, session_id, direction, origin, chat_wa_id, type, content, media_id, status,
    quoted_message_id, quoted_wa_message_id, client_ref, metadata, link_preview, priority, expires_at, due_at,
    occurred_at, created_at)
  SELECT r.tenant, r.id, r.session, 'out', 'api', r.chat, r.type, r.content, r.media, 'queued',
    r."quotedMessage", r."quotedWa", r."clientRef", r.metadata, r."linkPreview", r.priority, r."expiresAt",
    r."createdAt", r."createdAt", r."createdAt"
  FROM jsonb_to_recordset(batch) AS r(id text, tenant text, session text, chat text, type text, content jsonb,
    media text, "quotedMessage" text, "quotedWa" text, "clientRef" text, metadata jsonb, "linkPreview" boolean,
    priority smallint, "expiresAt" timestamptz, "createdAt" timestamptz)
  WHERE r.id = ANY (taken);
  IF announce THEN
    PERFORM pg_notify('wagate_queue', r.session)
    FROM jsonb_to_recordset(batch) AS r(id text, session text) WHERE r.id = ANY (taken) GROUP BY r.session;
  END IF;
  IF cardinality(taken) = jsonb_array_length(batch) THEN
    RETURN;
  END IF;

  FOR part IN
    SELECT r.id, r.tenant, r.operation, r.key, r.hash
    FROM jsonb_to_recordset(batch) AS r(id text, tenant text, operation text, key text, hash text)
    WHERE NOT r.id = ANY (taken)
  LOOP
    id := part.id;
    outcome := refused ->> part.id;
    body := NULL;
    IF outcome IS NOT NULL THEN
      DELETE FROM idempotency_keys k WHERE k.tenant_id = part.tenant AND k.operation = part.operation
        AND k.key = part.key AND k.resource_id = part.id;
    ELSE
      SELECT CASE WHEN k.request_hash <> decode(part.hash, 'hex') THEN 'key_reused'
          WHEN k.response_body IS NULL THEN 'in_progress' ELSE 'replayed' END, k.response_body
      INTO outcome, body FROM idempotency_keys k
      WHERE k.tenant_id = part.tenant AND k.operation = part.operation AND k.key = part.key;
      -- No row: the first request with this key, in this very batch, was refused.
      outcome := coalesce(outcome, 'in_progress');
    END IF;
    RETURN NEXT;
  END LOOP;
END $$;

-- Takes the next due messages of a connected session for the process "claimer": marks them "sending" and writes an
-- attempt for each, under a WhatsApp id that is chosen now ("wa_ids", as many as messages are wanted; a message tried
-- before keeps its own). Answers { state, session?, messages? }, state being
--   claimed   messages follow, in the order in which they are to leave
--   idle      nothing is due
--   held      the session is not connected, or its node is not heard of
--   locked    another process claims at this moment
--   busy      another process has messages of this session under way
-- The lock and the look at the queue are two statements: in one, READ COMMITTED would show the queue as it was before
-- the lock was had. The lock is not the session's row, which the intake of a busy session holds most of the time. A chat waits behind a message of its own that is to be tried again later, and for
-- "unknown_block" behind one whose fate is not known.
CREATE FUNCTION wagate_claim_messages(target text, claimer text, wa_ids text[], unknown_block interval)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  owner record;
  waiting text[];
  claimed jsonb;
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtextextended(target, 7421609302)) THEN
    RETURN jsonb_build_object('state', 'locked');
  END IF;
  SELECT s.tenant_id, s.epoch, s.node_name, n.url, n.boot_id,
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
    WHERE session_id = target AND status = 'queued' AND attempts > 0 AND due_at > now()
    UNION
    SELECT m.chat_wa_id FROM messages m JOIN message_attempts a
      ON a.tenant_id = m.tenant_id AND a.message_id = m.id AND a.number = m.attempts
    WHERE m.session_id = target AND m.status = 'unknown' AND a.started_at > now() - unknown_block
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
    UPDATE messages m SET status = 'sending', attempts = m.attempts + 1,
      wa_message_id = coalesce(m.wa_message_id, wa_ids[numbered.place])
    FROM numbered WHERE m.tenant_id = numbered.tenant_id AND m.id = numbered.id
    RETURNING m.*, numbered.place
  ), attempt AS (
    INSERT INTO message_attempts (tenant_id, message_id, number, session_id, wa_message_id, node_name, node_boot_id,
      epoch, claimed_by)
    SELECT tenant_id, id, attempts, session_id, wa_message_id, owner.node_name, owner.boot_id, owner.epoch, claimer
    FROM taken
  )
  SELECT jsonb_agg(jsonb_build_object('id', t.id, 'attempt', t.attempts, 'waMessageId', t.wa_message_id,
    'chatId', t.chat_wa_id, 'content', t.content, 'linkPreview', t.link_preview, 'expiresAt', t.expires_at,
    'objectKey', media.object_key, 'mediaSize', media.size, 'quotedWaKey', quoted.wa_key) ORDER BY t.place)
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
