/** Claims that keep to the pacing of their session and pass over people who opted out; accepts that refuse them. */
export default /* sql */ `
-- By the pairs that the session learned.
CREATE OR REPLACE FUNCTION wagate_chat_forms(tenant text, session text, chat text) RETURNS SETOF text
LANGUAGE sql STABLE AS $$
  SELECT chat
  UNION SELECT i.phone || '@c.us' FROM identities i
    WHERE i.tenant_id = tenant AND i.session_id = session AND i.lid = chat
  UNION SELECT i.lid FROM identities i
    WHERE i.tenant_id = tenant AND i.session_id = session AND i.phone || '@c.us' = chat
      AND i.phone = split_part(chat, '@', 1)
$$;
-- What is remembered of a session says also when its messages leave.
DROP TRIGGER sessions_updated ON sessions;
CREATE TRIGGER sessions_updated AFTER UPDATE ON sessions FOR EACH ROW
  WHEN ((OLD.name, OLD.mode, OLD.desired, OLD.state, OLD.linked_at, OLD.pacing, OLD.paused_at, OLD.paused_until)
    IS DISTINCT FROM
    (NEW.name, NEW.mode, NEW.desired, NEW.state, NEW.linked_at, NEW.pacing, NEW.paused_at, NEW.paused_until))
  EXECUTE FUNCTION wagate_announce_session_change();

DROP FUNCTION wagate_claim_due_messages(text, text, text[], interval);

-- Takes the next due messages of a connected session for the process "claimer": marks them "sending" and writes an
-- attempt for each, under a WhatsApp id that is chosen now ("wa_ids", as many as messages are wanted; a message tried
-- before keeps its own). The attempts are not called yet: the process notes that before it calls. Answers
-- { state, session?, messages?, more?, singly?, waitMs?, refused?, tenantId? }, state being
--   claimed   messages follow, in the order in which they are to leave
--   idle      nothing is due
--   held      the session is not connected, or its node is not heard of
--   locked    another process claims at this moment, or what left before there was a policy is being counted
--   busy      another process has messages of this session under way
--   paused    the queue of the session is paused
--   paced     something is due, and the policy (the session's, else "fallback") lets nothing go for "waitMs"; null: until
--             an attempt under way has ended. "strangers": only what is to people who never wrote has to wait.
--   refused   the "refused" messages are to people who opted out: the caller ends them, and claims again
-- "more" says that the policy held something back, "singly" that one message at a time may be under way.
-- The lock and the look at the queue are two statements: in one, READ COMMITTED would show the queue as it was before
-- the lock was had. The lock is not the session's row, which the intake of a busy session holds most of the time.
-- A chat waits behind a message of its own that is to be tried again later, and behind one whose fate is not known:
-- for "unknown_block" from when that was clear, or in a session of strict order for as long as it is so. The "full_chats"
-- are passed over: the claimer has enough of theirs.
CREATE FUNCTION wagate_claim_due_messages(target text, claimer text, wa_ids text[], unknown_block interval,
  fallback jsonb, full_chats text[] DEFAULT '{}')
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  owner record;
  waiting text[];
  claimed jsonb;
  pace jsonb;
  allowed record;
  one record;
  chosen text[];
  unknown_to_us text[] := '{}';
  refused text[] := '{}';
  is_stranger boolean;
  left_behind boolean := false;
  has_opt_outs boolean;
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtextextended(target, 7421609302)) THEN
    RETURN jsonb_build_object('state', 'locked');
  END IF;
  SELECT s.tenant_id, s.epoch, s.node_name, s.strict_order, n.url, n.boot_id, s.mode, s.pacing, s.is_paced,
    s.linked_at, s.paused_at, s.typing,
    s.state = 'connected' AND s.desired = 'running' AND n.last_seen_at > now() - interval '20 s' AS ready
  INTO owner FROM sessions s LEFT JOIN nodes n ON n.name = s.node_name WHERE s.id = target;
  IF owner.ready IS NOT TRUE THEN
    RETURN jsonb_build_object('state', 'held');
  END IF;
  IF owner.paused_at IS NOT NULL THEN
    RETURN jsonb_build_object('state', 'paused');
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
    UNION
    SELECT unnest(full_chats)
  ) w;

  pace := wagate_pacing_of(owner.pacing, owner.mode, fallback);
  IF (pace IS NOT NULL) <> owner.is_paced THEN
    IF NOT wagate_mark_paced(owner.tenant_id, target, pace IS NOT NULL) THEN
      RETURN jsonb_build_object('state', 'locked');
    END IF;
  END IF;
  has_opt_outs := EXISTS (SELECT FROM opt_outs o WHERE o.tenant_id = owner.tenant_id);
  IF pace IS NOT NULL OR has_opt_outs THEN
    SELECT a.room, a.strangers, a.next_at, a.next_stranger_at INTO allowed
    FROM wagate_pacing_allowance(target, coalesce(pace, '{}'), owner.linked_at, cardinality(wa_ids), now()) a;
    chosen := '{}';
    FOR one IN
      SELECT q.id, q.chat_wa_id AS chat FROM messages q
      WHERE q.session_id = target AND q.status = 'queued' AND q.due_at <= now()
        AND (q.expires_at IS NULL OR q.expires_at > now())
        AND q.chat_wa_id <> ALL (coalesce(waiting, '{}'))
      ORDER BY q.priority DESC, q.id
    LOOP
      IF has_opt_outs AND wagate_is_opted_out(owner.tenant_id, target, owner.mode, one.chat) THEN
        refused := refused || one.id;
        EXIT WHEN cardinality(refused) >= 100;
        CONTINUE;
      END IF;
      left_behind := allowed.room = 0;
      EXIT WHEN left_behind;
      is_stranger := pace IS NOT NULL AND wagate_is_stranger(owner.tenant_id, target, one.chat);
      IF is_stranger AND allowed.strangers = 0 THEN
        left_behind := true;
        EXIT;
      END IF;
      IF is_stranger THEN
        unknown_to_us := unknown_to_us || one.id;
        allowed.strangers := allowed.strangers - 1;
      END IF;
      chosen := chosen || one.id;
      EXIT WHEN cardinality(chosen) >= allowed.room;
    END LOOP;
    IF left_behind AND allowed.room > cardinality(chosen) THEN
      FOR one IN SELECT k.id, k.chat FROM wagate_due_to_known(owner.tenant_id, target,
          coalesce(waiting, '{}'), chosen, allowed.room - cardinality(chosen)) k
      LOOP
        IF has_opt_outs AND wagate_is_opted_out(owner.tenant_id, target, owner.mode, one.chat) THEN
          refused := refused || one.id;
        ELSE
          chosen := chosen || one.id;
        END IF;
      END LOOP;
    END IF;
    IF cardinality(refused) > 0 THEN
      RETURN jsonb_build_object('state', 'refused', 'refused', to_jsonb(refused), 'tenantId', owner.tenant_id);
    END IF;
    IF left_behind AND cardinality(chosen) = 0 THEN
      IF allowed.room > 0 THEN
        allowed.next_at := allowed.next_stranger_at;
      END IF;
      RETURN jsonb_build_object('state', 'paced', 'strangers', allowed.room > 0, 'waitMs',
        CASE WHEN allowed.next_at < timestamptz 'infinity'
          THEN ceil(greatest(extract(epoch FROM allowed.next_at - now()), 0) * 1000) END);
    END IF;
  END IF;

  WITH due AS (
    SELECT q.tenant_id, q.id, q.priority FROM messages q
    WHERE q.session_id = target AND q.status = 'queued' AND q.due_at <= now()
      AND (q.expires_at IS NULL OR q.expires_at > now())
      AND q.chat_wa_id <> ALL (coalesce(waiting, '{}')) AND (chosen IS NULL OR q.id = ANY (chosen))
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
      epoch, claimed_by, paced, stranger)
    SELECT tenant_id, id, claims, session_id, wa_message_id, owner.node_name, owner.boot_id, owner.epoch, claimer,
      pace IS NOT NULL, id = ANY (unknown_to_us)
    FROM taken
  )
  SELECT jsonb_agg(jsonb_build_object('id', t.id, 'attempt', t.claims, 'waMessageId', t.wa_message_id,
    'chatId', t.chat_wa_id, 'content', t.content, 'linkPreview', t.link_preview,
    'typing', coalesce(t.typing, owner.typing), 'expiresAt', t.expires_at,
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
  RETURN jsonb_build_object('state', 'claimed', 'messages', claimed, 'more', pace IS NOT NULL,
    'singly', coalesce((pace ->> 'gapMs')::integer, 0) + coalesce((pace ->> 'jitterMs')::integer, 0) > 0,
    'session', jsonb_build_object('tenantId', owner.tenant_id, 'epoch', owner.epoch, 'nodeName', owner.node_name,
      'nodeUrl', owner.url, 'bootId', owner.boot_id));
END $$;

-- As before, and what is to people who opted out is refused: "opted_out".
CREATE OR REPLACE FUNCTION wagate_accept_messages(batch jsonb, announce boolean)
RETURNS TABLE (id text, outcome text, body text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  fresh text[];
  taken text[] := '{}';
  refused jsonb := '{}';
  part record;
  room record;
  one text;
  session_mode text;
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
    SELECT r.tenant, r.session, array_agg(r.id ORDER BY r.id) AS ids, array_agg(r.media ORDER BY r.id) AS media,
      array_agg(r.chat ORDER BY r.id) AS chats
    FROM jsonb_to_recordset(batch)
      AS r(id text, tenant text, session text, chat text, key text, media text)
    WHERE r.key IS NULL OR r.id = ANY (fresh)
    GROUP BY r.tenant, r.session ORDER BY r.tenant, r.session
  LOOP
    SELECT s.mode INTO session_mode FROM sessions s
    WHERE s.tenant_id = part.tenant AND s.id = part.session AND s.desired <> 'deleted';
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
    IF EXISTS (SELECT FROM opt_outs o WHERE o.tenant_id = part.tenant) THEN
      FOR i IN 1..cardinality(part.ids) LOOP
        IF wagate_is_opted_out(part.tenant, part.session, session_mode, part.chats[i]) THEN
          refused := refused || jsonb_build_object(part.ids[i], 'opted_out');
        END IF;
      END LOOP;
    END IF;
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
    quoted_message_id, quoted_wa_message_id, client_ref, metadata, link_preview, typing, priority, expires_at, due_at,
    occurred_at, created_at)
  SELECT r.tenant, r.id, r.session, 'out', 'api', r.chat, r.type, r.content, r.media, 'queued',
    r."quotedMessage", r."quotedWa", r."clientRef", r.metadata, r."linkPreview", r.typing, r.priority, r."expiresAt",
    r."createdAt", r."createdAt", r."createdAt"
  FROM jsonb_to_recordset(batch) AS r(id text, tenant text, session text, chat text, type text, content jsonb,
    media text, "quotedMessage" text, "quotedWa" text, "clientRef" text, metadata jsonb, "linkPreview" boolean,
    typing boolean, priority smallint, "expiresAt" timestamptz, "createdAt" timestamptz)
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
`;
