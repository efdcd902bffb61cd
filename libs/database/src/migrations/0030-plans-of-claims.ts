/** Claims by chat, by plans that no young table can turn, and no dearer where a session has many chats. */
export default /* sql */ `
-- It answers with the chats as well.
DROP FUNCTION wagate_due_messages(text, text[], integer);

-- The next due messages of a session, "most" at most, in the order in which they are to leave, and the chat of each; none
-- of the chats that are "waiting". The front of the queue nearly always has them. Where that belongs to chats that wait,
-- the queue is looked at chat by chat, however long that of each; but of a session with many chats, where this would cost
-- more than it saves, in its order.
-- The two limits of a chat make its order one that only this index has, and a sort is never cheaper than an index that
-- has the order, so that no plan goes through the whole queue, whatever it believes of a table that is young.
CREATE FUNCTION wagate_due_messages(target text, waiting text[], most integer, OUT ids text[], OUT chats text[])
LANGUAGE plpgsql STABLE SET enable_sort = off AS $$
DECLARE
  front CONSTANT integer := 1000;
  most_chats CONSTANT integer := 500;
  known text[];
BEGIN
  SELECT coalesce(array_agg(d.id), '{}'), coalesce(array_agg(d.chat_wa_id), '{}') INTO ids, chats FROM (
    SELECT f.id, f.chat_wa_id FROM (
      SELECT q.id, q.due_at, q.expires_at, q.chat_wa_id FROM messages q
      WHERE q.session_id = target AND q.status = 'queued'
      ORDER BY q.priority DESC, q.id LIMIT front) f
    WHERE f.due_at <= now() AND (f.expires_at IS NULL OR f.expires_at > now()) AND f.chat_wa_id <> ALL (waiting)
    LIMIT most) d;
  IF cardinality(ids) >= most OR NOT EXISTS (SELECT FROM messages q
      WHERE q.session_id = target AND q.status = 'queued' ORDER BY q.priority DESC, q.id OFFSET front LIMIT 1) THEN
    RETURN;
  END IF;
  WITH RECURSIVE found AS (
    (SELECT m.chat_wa_id AS chat FROM messages m
      WHERE m.session_id = target AND m.status = 'queued' ORDER BY m.chat_wa_id LIMIT 1)
    UNION ALL
    SELECT following.chat FROM found c CROSS JOIN LATERAL (SELECT m.chat_wa_id AS chat FROM messages m
      WHERE m.session_id = target AND m.status = 'queued' AND m.chat_wa_id > c.chat
      ORDER BY m.chat_wa_id LIMIT 1) following
  )
  SELECT array_agg(f.chat) INTO known FROM (SELECT chat FROM found LIMIT most_chats + 1) f;
  IF cardinality(known) <= most_chats THEN
    SELECT coalesce(array_agg(n.id), '{}'), coalesce(array_agg(n.chat), '{}') INTO ids, chats FROM (
      SELECT d.id, c.chat FROM unnest(known) c (chat) CROSS JOIN LATERAL (
        SELECT q.id, q.priority FROM messages q
        WHERE q.session_id = target AND q.status = 'queued' AND q.chat_wa_id >= c.chat AND q.chat_wa_id <= c.chat
          AND q.due_at <= now() AND (q.expires_at IS NULL OR q.expires_at > now())
        ORDER BY q.chat_wa_id, q.priority DESC, q.id LIMIT most) d
      WHERE c.chat <> ALL (waiting)
      ORDER BY d.priority DESC, d.id LIMIT most) n;
    RETURN;
  END IF;
  SELECT coalesce(array_agg(d.id), '{}'), coalesce(array_agg(d.chat_wa_id), '{}') INTO ids, chats FROM (
    SELECT q.id, q.chat_wa_id FROM messages q
    WHERE q.session_id = target AND q.status = 'queued' AND q.due_at <= now()
      AND (q.expires_at IS NULL OR q.expires_at > now()) AND q.chat_wa_id <> ALL (waiting)
    ORDER BY q.priority DESC, q.id LIMIT most) d;
END $$;

-- As in 0029, but for where paced messages come from, and for the order of what waits for another try. What
-- was changed by others meanwhile is not taken: "more", or "locked" where that is all of it, has the claimer ask again.
CREATE OR REPLACE FUNCTION wagate_claim_due_messages(target text, claimer text, wa_ids text[], unknown_block interval,
  fallback jsonb, full_chats text[] DEFAULT '{}')
RETURNS jsonb LANGUAGE plpgsql SET enable_sort = off AS $$
DECLARE
  owner record;
  waiting text[];
  claimed jsonb;
  pace jsonb;
  allowed record;
  one record;
  due_ids text[];
  due_chats text[];
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
    -- In the order of the index that has only these.
    (SELECT chat_wa_id FROM messages
    WHERE session_id = target AND status = 'queued' AND claims > 0 AND due_at > now() ORDER BY due_at)
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
    -- Opted-out people are told in larger numbers than messages are claimed.
    SELECT d.ids, d.chats INTO due_ids, due_chats FROM wagate_due_messages(target, coalesce(waiting, '{}'),
      CASE WHEN has_opt_outs THEN 100 ELSE cardinality(wa_ids) END) d;
    FOR one IN SELECT d.id, d.chat FROM unnest(due_ids, due_chats) AS d (id, chat)
    LOOP
      IF has_opt_outs AND wagate_is_opted_out(owner.tenant_id, target, owner.mode, one.chat) THEN
        refused := refused || one.id;
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

  IF chosen IS NULL THEN
    SELECT d.ids INTO chosen FROM wagate_due_messages(target, coalesce(waiting, '{}'), cardinality(wa_ids)) d;
  END IF;
  WITH due AS (
    SELECT q.tenant_id, q.id, q.priority FROM unnest(chosen) AS c (id)
      CROSS JOIN LATERAL (SELECT m.* FROM messages m
        WHERE m.tenant_id = owner.tenant_id AND m.id = c.id OFFSET 0 FOR UPDATE) q
    WHERE q.status = 'queued' AND q.due_at <= now() AND (q.expires_at IS NULL OR q.expires_at > now())
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
    RETURN jsonb_build_object('state', CASE WHEN cardinality(chosen) > 0 THEN 'locked' ELSE 'idle' END);
  END IF;
  RETURN jsonb_build_object('state', 'claimed', 'messages', claimed,
    'more', pace IS NOT NULL OR jsonb_array_length(claimed) < cardinality(chosen),
    'singly', coalesce((pace ->> 'gapMs')::integer, 0) + coalesce((pace ->> 'jitterMs')::integer, 0) > 0,
    'session', jsonb_build_object('tenantId', owner.tenant_id, 'epoch', owner.epoch, 'nodeName', owner.node_name,
      'nodeUrl', owner.url, 'bootId', owner.boot_id));
END $$;
`;
