/** Pacing policies, paused queues, signals to stop, and people who do not want to be written to. */
export default /* sql */ `
ALTER TABLE sessions
  -- Its own policy without what limits nothing (see #contracts); null: the operator's default.
  ADD COLUMN pacing jsonb,
  -- Shows "typing" before each hand-over, unless a message says otherwise.
  ADD COLUMN typing boolean NOT NULL DEFAULT false,
  ADD COLUMN paused_at timestamptz,
  ADD COLUMN paused_until timestamptz,
  ADD COLUMN pause_reason text,
  -- Its attempts are marked "paced": there is a policy, and claims count by it.
  ADD COLUMN is_paced boolean NOT NULL DEFAULT false,
  ADD CONSTRAINT sessions_pause CHECK ((paused_at IS NULL) = (pause_reason IS NULL)
    AND (paused_at IS NOT NULL OR paused_until IS NULL));
CREATE INDEX sessions_pause_end ON sessions (paused_until) WHERE paused_until IS NOT NULL;

-- null: as its session says.
ALTER TABLE messages ADD COLUMN typing boolean;

-- The attempts are what pacing counts: they are committed before the node is called. Those of sessions without a
-- policy are in no index of it.
ALTER TABLE message_attempts
  ADD COLUMN paced boolean NOT NULL DEFAULT false,
  -- To someone who had never written to the session then.
  ADD COLUMN stranger boolean NOT NULL DEFAULT false;
CREATE INDEX message_attempts_paced ON message_attempts
  (session_id, (coalesce(ended_at, timestamptz 'infinity')) DESC) WHERE paced;
-- What a session that gets a policy has to mark.
CREATE INDEX message_attempts_unpaced ON message_attempts
  (session_id, (coalesce(ended_at, timestamptz 'infinity'))) WHERE NOT paced;

-- Bad answers in a row. Nothing has to be written for a good one: "sent" is the session's count of acknowledged
-- messages when the row was written, and a row with another count is of a streak that ended.
CREATE TABLE stop_signals (
  tenant_id   text NOT NULL,
  session_id  text NOT NULL,
  kind        text NOT NULL,
  streak      integer NOT NULL,
  sent        bigint NOT NULL,
  PRIMARY KEY (tenant_id, session_id, kind),
  FOREIGN KEY (tenant_id, session_id) REFERENCES sessions (tenant_id, id) ON DELETE CASCADE
);
SELECT wagate_tenant_table('stop_signals', true);

CREATE TABLE opt_outs (
  tenant_id   text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  id          text NOT NULL,
  mode        text NOT NULL CHECK (mode IN ('live', 'test')),
  -- null: from every session of the mode.
  session_id  text,
  -- WhatsApp's chat id as it was given, and its other form (phone or LID) where it was known then.
  wa_id       text NOT NULL,
  other_wa_id text,
  reason      text,
  created_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, session_id) REFERENCES sessions (tenant_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX opt_outs_person ON opt_outs (tenant_id, wa_id, mode, (coalesce(session_id, '')));
CREATE INDEX opt_outs_other ON opt_outs (tenant_id, other_wa_id) WHERE other_wa_id IS NOT NULL;
SELECT wagate_tenant_table('opt_outs', true);

-- A chat's ids as a session knows them: the one given, and its phone form or LID.
CREATE FUNCTION wagate_chat_forms(tenant text, session text, chat text) RETURNS SETOF text LANGUAGE sql STABLE AS $$
  SELECT chat
  UNION SELECT c.lid FROM chats c
    WHERE c.tenant_id = tenant AND c.session_id = session AND c.wa_id = chat AND c.lid IS NOT NULL
  UNION SELECT c.wa_id FROM chats c WHERE c.tenant_id = tenant AND c.session_id = session AND c.lid = chat
  UNION SELECT c.lid FROM contacts c
    WHERE c.tenant_id = tenant AND c.session_id = session AND c.wa_id = chat AND c.lid IS NOT NULL
  UNION SELECT c.wa_id FROM contacts c WHERE c.tenant_id = tenant AND c.session_id = session AND c.lid = chat
$$;

-- Whether the person of a chat asked not to be written to.
CREATE FUNCTION wagate_is_opted_out(tenant text, session text, session_mode text, chat text) RETURNS boolean
LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT FROM wagate_chat_forms(tenant, session, chat) AS f (form) JOIN opt_outs o
    ON o.tenant_id = tenant AND (o.wa_id = f.form OR o.other_wa_id = f.form)
    AND o.mode = session_mode AND (o.session_id IS NULL OR o.session_id = session))
$$;

-- Whether a chat is with a person who never wrote to the session. A group is nobody's stranger.
CREATE FUNCTION wagate_is_stranger(tenant text, session text, chat text) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT (chat LIKE '%@c.us' OR chat LIKE '%@lid') AND NOT EXISTS (
    SELECT FROM wagate_chat_forms(tenant, session, chat) AS f (form) JOIN messages m
      ON m.tenant_id = tenant AND m.session_id = session AND m.chat_wa_id = f.form AND m.direction = 'in')
$$;

-- The policy of a session; null: none. "fallback" is the operator's, for real numbers only.
CREATE FUNCTION wagate_pacing_of(own jsonb, session_mode text, fallback jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
  SELECT nullif(coalesce(own, CASE WHEN session_mode = 'live' THEN fallback END), '{}'::jsonb)
$$;

-- What a policy lets a session hand over at the time "moment": "room" messages, of which "strangers" (null: no cap of
-- their own) to people who never wrote. "next_at" and "next_stranger_at" say when there is room again, where there is
-- none now; infinity: when an attempt under way has ended, or never.
-- An attempt may hand its message over at any time between its start and its end, so one without an end, and one that
-- ended within the stretch that a cap is for, counts: whenever a message is claimed, those that can share such a stretch
-- with it are all counted, and no stretch ever holds more than the cap. The gap is kept from the last end on, one
-- message at a time; its jitter is drawn from that message's id, so that all processes draw the same.
CREATE FUNCTION wagate_pacing_allowance(target text, policy jsonb, linked timestamptz, most integer, moment timestamptz,
  OUT room integer, OUT strangers integer, OUT next_at timestamptz, OUT next_stranger_at timestamptz)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  gap_ms integer := coalesce((policy ->> 'gapMs')::integer, 0);
  jitter_ms integer := coalesce((policy ->> 'jitterMs')::integer, 0);
  day_cap bigint := (policy ->> 'perDay')::bigint;
  stranger_cap bigint := (policy ->> 'strangersPerDay')::bigint;
  last record;
  cap record;
  used record;
BEGIN
  room := most;
  IF gap_ms + jitter_ms > 0 THEN
    SELECT coalesce(a.ended_at, timestamptz 'infinity') AS ended, a.wa_message_id INTO last FROM message_attempts a
    WHERE a.session_id = target AND a.paced
    ORDER BY coalesce(a.ended_at, timestamptz 'infinity') DESC, a.wa_message_id DESC LIMIT 1;
    room := least(room, 1);
    IF FOUND THEN
      next_at := last.ended + make_interval(secs => (gap_ms
        + (hashtextextended(last.wa_message_id, 7421609303) & 9223372036854775807) % (jitter_ms + 1)) / 1000.0);
      IF next_at > moment THEN
        room := 0;
      END IF;
    END IF;
  END IF;
  IF policy -> 'ramp' IS NOT NULL THEN
    day_cap := least(day_cap, (policy -> 'ramp' ->> 'firstDay')::bigint + (policy -> 'ramp' ->> 'morePerDay')::bigint
      * greatest(floor(extract(epoch FROM moment - coalesce(linked, moment)) / 86400), 0)::bigint);
  END IF;
  FOR cap IN
    SELECT v.most, v.span FROM (VALUES ((policy ->> 'perMinute')::bigint, interval '60 s'),
      ((policy ->> 'perHour')::bigint, interval '3600 s'), (day_cap, interval '86400 s')) AS v (most, span)
    WHERE v.most IS NOT NULL
  LOOP
    SELECT count(*) AS counted, min(u.ended) AS oldest INTO used FROM (
      SELECT coalesce(a.ended_at, timestamptz 'infinity') AS ended FROM message_attempts a
      WHERE a.session_id = target AND a.paced AND a.outcome IS DISTINCT FROM 'not_sent'
        AND coalesce(a.ended_at, timestamptz 'infinity') > moment - cap.span
      ORDER BY coalesce(a.ended_at, timestamptz 'infinity') DESC LIMIT cap.most) u;
    IF used.counted >= cap.most THEN
      room := 0;
      next_at := greatest(next_at, used.oldest + cap.span);
    ELSE
      room := least(room, cap.most - used.counted);
    END IF;
  END LOOP;
  IF stranger_cap IS NOT NULL THEN
    SELECT count(*) AS counted, min(u.ended) AS oldest INTO used FROM (
      SELECT coalesce(a.ended_at, timestamptz 'infinity') AS ended FROM message_attempts a
      WHERE a.session_id = target AND a.paced AND a.stranger AND a.outcome IS DISTINCT FROM 'not_sent'
        AND coalesce(a.ended_at, timestamptz 'infinity') > moment - interval '86400 s'
      ORDER BY coalesce(a.ended_at, timestamptz 'infinity') DESC LIMIT stranger_cap) u;
    strangers := stranger_cap - used.counted;
    IF strangers = 0 THEN
      next_stranger_at := coalesce(used.oldest + interval '86400 s', timestamptz 'infinity');
    END IF;
  END IF;
END $$;

-- Notes that the attempts of a session are marked as paced, or no longer; those of the last day with them, so that a
-- policy counts what left before it: a piece at a time, and true once there is nothing left to mark. While the session's
-- row is held by others its note waits for another claim: they may wait for this one.
CREATE FUNCTION wagate_mark_paced(tenant text, target text, marked boolean) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  IF marked THEN
    UPDATE message_attempts a SET paced = true, stranger = wagate_is_stranger(tenant, target, m.chat_wa_id)
    FROM (SELECT u.message_id, u.number FROM message_attempts u
      WHERE u.session_id = target AND NOT u.paced AND u.tenant_id = tenant
        AND coalesce(u.ended_at, timestamptz 'infinity') > now() - interval '86400 s'
      ORDER BY u.session_id, coalesce(u.ended_at, timestamptz 'infinity') LIMIT 2000) unmarked
    JOIN messages m ON m.tenant_id = tenant AND m.id = unmarked.message_id
    WHERE a.tenant_id = tenant AND a.message_id = unmarked.message_id AND a.number = unmarked.number AND NOT a.paced;
    IF FOUND THEN
      RETURN false;
    END IF;
  END IF;
  PERFORM FROM sessions s WHERE s.tenant_id = tenant AND s.id = target FOR NO KEY UPDATE SKIP LOCKED;
  IF FOUND THEN
    UPDATE sessions s SET is_paced = marked WHERE s.tenant_id = tenant AND s.id = target;
  END IF;
  RETURN true;
END $$;

-- Due messages of a session that are to no stranger, in their order and in one go: a queue may hold thousands that are.
-- It is searched 5,000 messages deep, not to its end.
CREATE FUNCTION wagate_due_to_known(tenant text, target text, waiting text[], taken text[], most integer)
RETURNS TABLE (id text, chat text) LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN QUERY SELECT k.id, k.chat FROM (
    SELECT q.id, q.priority, q.chat_wa_id AS chat FROM messages q
    WHERE q.session_id = target AND q.status = 'queued' AND q.due_at <= now()
      AND (q.expires_at IS NULL OR q.expires_at > now())
      AND q.chat_wa_id <> ALL (waiting) AND q.id <> ALL (taken)
    ORDER BY q.priority DESC, q.id LIMIT 5000) k
  WHERE NOT (k.chat LIKE '%@c.us' OR k.chat LIKE '%@lid')
    OR EXISTS (SELECT FROM messages i
      WHERE i.tenant_id = tenant AND i.session_id = target AND i.chat_wa_id = k.chat AND i.direction = 'in')
    OR EXISTS (SELECT FROM identities d JOIN messages i ON i.tenant_id = tenant AND i.session_id = target
        AND i.chat_wa_id = d.phone || '@c.us' AND i.direction = 'in'
      WHERE d.tenant_id = tenant AND d.session_id = target AND d.lid = k.chat)
    OR EXISTS (SELECT FROM identities d JOIN messages i ON i.tenant_id = tenant AND i.session_id = target
        AND i.chat_wa_id = d.lid AND i.direction = 'in'
      WHERE d.tenant_id = tenant AND d.session_id = target AND d.phone = split_part(k.chat, '@', 1)
        AND d.phone || '@c.us' = k.chat)
  ORDER BY k.priority DESC, k.id LIMIT most;
END $$;
`;
