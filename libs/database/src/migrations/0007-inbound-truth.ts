/** What comes in, completed: people with two ids, edits, revokes, reactions, gaps, and what could not be read. */
export default /* sql */ `
-- One person, two ids: WhatsApp's LID and the phone number, as a session learned it. Rows of other tables stand under
-- the phone form from the moment the pair is known; see wagate_learn_identities.
CREATE TABLE identities (
  tenant_id   text NOT NULL,
  session_id  text NOT NULL,
  lid         text NOT NULL,
  -- E.164 without +.
  phone       text NOT NULL,
  learned_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, session_id, lid),
  UNIQUE (tenant_id, session_id, phone),
  FOREIGN KEY (tenant_id, session_id) REFERENCES sessions (tenant_id, id) ON DELETE CASCADE
);
SELECT wagate_tenant_table('identities', true);

-- Row security binds the owner too; what is known already is of every tenant.
ALTER TABLE chats NO FORCE ROW LEVEL SECURITY;
ALTER TABLE contacts NO FORCE ROW LEVEL SECURITY;
ALTER TABLE identities NO FORCE ROW LEVEL SECURITY;
INSERT INTO identities (tenant_id, session_id, lid, phone)
  SELECT tenant_id, session_id, lid, phone FROM contacts WHERE lid LIKE '%@lid' AND wa_id = phone || '@c.us'
  UNION SELECT tenant_id, session_id, lid, phone FROM chats WHERE lid LIKE '%@lid' AND wa_id = phone || '@c.us'
ON CONFLICT DO NOTHING;
ALTER TABLE chats FORCE ROW LEVEL SECURITY;
ALTER TABLE contacts FORCE ROW LEVEL SECURITY;
ALTER TABLE identities FORCE ROW LEVEL SECURITY;

-- Ids of chats and contacts that became part of another one: they go on to work.
CREATE TABLE merged_ids (
  tenant_id   text NOT NULL,
  id          text NOT NULL,
  session_id  text NOT NULL,
  kept_id     text NOT NULL,
  merged_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, session_id) REFERENCES sessions (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX merged_ids_kept ON merged_ids (tenant_id, kept_id);
SELECT wagate_tenant_table('merged_ids', true);

ALTER TABLE messages
  ADD COLUMN edited_at timestamptz,
  -- Deleted for everyone; what it said is gone from here too.
  ADD COLUMN revoked_at timestamptz;
CREATE INDEX messages_author ON messages (tenant_id, session_id, author_wa_id, id) WHERE direction = 'in';

-- Every text that an edited message has had, its first one and its last one too; at: since when it stood.
CREATE TABLE message_versions (
  tenant_id   text NOT NULL,
  message_id  text NOT NULL,
  at          timestamptz NOT NULL,
  content     jsonb NOT NULL,
  PRIMARY KEY (tenant_id, message_id, at),
  FOREIGN KEY (tenant_id, message_id) REFERENCES messages (tenant_id, id) ON DELETE CASCADE
);
SELECT wagate_tenant_table('message_versions', true);

-- The newest reaction of each sender; emoji null: taken back.
CREATE TABLE message_reactions (
  tenant_id   text NOT NULL,
  message_id  text NOT NULL,
  -- WhatsApp's id, the phone form where it is known; 'me' for the session itself.
  sender      text NOT NULL,
  name        text,
  emoji       text,
  at          timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, message_id, sender),
  FOREIGN KEY (tenant_id, message_id) REFERENCES messages (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX message_reactions_lid ON message_reactions (tenant_id, sender) WHERE sender LIKE '%@lid';
SELECT wagate_tenant_table('message_reactions', true);

-- Changes that came before the message they are about. They wait for it for a week.
CREATE TABLE early_changes (
  tenant_id   text NOT NULL,
  session_id  text NOT NULL,
  wa_message_id text NOT NULL,
  -- SHA-256 of the fact: what comes again is kept once.
  hash        bytea NOT NULL,
  fact        jsonb NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, session_id, wa_message_id, hash),
  FOREIGN KEY (tenant_id, session_id) REFERENCES sessions (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX early_changes_age ON early_changes (tenant_id, session_id, created_at);
SELECT wagate_tenant_table('early_changes', true);

-- Times of a chat of which the phone may have messages that no linked device has.
CREATE TABLE chat_gaps (
  tenant_id   text NOT NULL,
  chat_id     text NOT NULL,
  from_at     timestamptz NOT NULL,
  to_at       timestamptz NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, chat_id, from_at),
  FOREIGN KEY (tenant_id, chat_id) REFERENCES chats (tenant_id, id) ON DELETE CASCADE
);
SELECT wagate_tenant_table('chat_gaps', true);

-- What the node could not report and keeps, counted since "since".
CREATE TABLE node_quarantines (
  tenant_id   text NOT NULL,
  session_id  text NOT NULL,
  since       timestamptz NOT NULL,
  no_key      integer NOT NULL,
  unreadable  integer NOT NULL,
  refused     integer NOT NULL,
  PRIMARY KEY (tenant_id, session_id),
  FOREIGN KEY (tenant_id, session_id) REFERENCES sessions (tenant_id, id) ON DELETE CASCADE
);
SELECT wagate_tenant_table('node_quarantines', true);
CREATE INDEX quarantined_facts_session ON quarantined_facts (tenant_id, session_id);

-- Keeps new messages under LIDs of a session out until the end of the transaction. Never waits in the lock's queue,
-- so nobody who has the lock for one session can be made to wait by one who waits for it: that would be a deadlock.
CREATE FUNCTION wagate_hold_identities(session text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  FOR attempt IN 1..2000 LOOP
    IF pg_try_advisory_xact_lock(hashtextextended(session, 7421609303)) THEN
      RETURN;
    END IF;
    PERFORM pg_sleep(0.002);
  END LOOP;
  RAISE lock_not_available USING MESSAGE = 'identities of the session are in use';
END $$;

-- A message for a LID whose phone is known stands in the chat of the phone. The lock lets no pair be learned between
-- the look and the commit, which would leave the message behind.
CREATE FUNCTION wagate_place_message() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  known text;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(hashtextextended(NEW.session_id, 7421609303));
  SELECT i.phone || '@c.us' INTO known FROM identities i
  WHERE i.tenant_id = NEW.tenant_id AND i.session_id = NEW.session_id AND i.lid = NEW.chat_wa_id;
  NEW.chat_wa_id := coalesce(known, NEW.chat_wa_id);
  RETURN NEW;
END $$;
CREATE TRIGGER messages_placed BEFORE INSERT ON messages FOR EACH ROW
  WHEN (NEW.chat_wa_id LIKE '%@lid') EXECUTE FUNCTION wagate_place_message();

-- A message that stands in the chat of a phone does not leave it for the chat of a LID, whatever a node calls it.
CREATE FUNCTION wagate_keep_place() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.chat_wa_id := OLD.chat_wa_id;
  RETURN NEW;
END $$;
CREATE TRIGGER messages_kept BEFORE UPDATE OF chat_wa_id ON messages FOR EACH ROW
  WHEN (OLD.chat_wa_id LIKE '%@c.us' AND NEW.chat_wa_id LIKE '%@lid') EXECUTE FUNCTION wagate_keep_place();

-- As before, and where nothing but the pair is known.
CREATE OR REPLACE FUNCTION wagate_chat_forms(tenant text, session text, chat text) RETURNS SETOF text
LANGUAGE sql STABLE AS $$
  SELECT chat
  UNION SELECT i.lid FROM identities i WHERE i.tenant_id = tenant AND i.session_id = session
    AND chat LIKE '%@c.us' AND i.phone = split_part(chat, '@', 1)
  UNION SELECT i.phone || '@c.us' FROM identities i
    WHERE i.tenant_id = tenant AND i.session_id = session AND i.lid = chat
  UNION SELECT c.lid FROM chats c
    WHERE c.tenant_id = tenant AND c.session_id = session AND c.wa_id = chat AND c.lid IS NOT NULL
  UNION SELECT c.wa_id FROM chats c WHERE c.tenant_id = tenant AND c.session_id = session AND c.lid = chat
  UNION SELECT c.lid FROM contacts c
    WHERE c.tenant_id = tenant AND c.session_id = session AND c.wa_id = chat AND c.lid IS NOT NULL
  UNION SELECT c.wa_id FROM contacts c WHERE c.tenant_id = tenant AND c.session_id = session AND c.lid = chat
$$;

-- Learns that each LID and the phone beside it are one person, and makes one of what stands under both: contact, chat,
-- messages, reactions, gaps. Of two pairs with the same LID or phone the one learned later holds; what was merged
-- before stays. One row for each chat and contact that changed by it, with the id of the one that it took in.
-- Locks are taken in one order, as in every transaction: session, contacts, chats, messages, each in the order of
-- their key. The statements on messages are planned anew each time, as the tables grow by orders of magnitude.
CREATE FUNCTION wagate_learn_identities(tenant text, session text, lids text[], phones text[])
RETURNS TABLE (what text, id text, merged text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  forms text[];
  twin record;
BEGIN
  PERFORM FROM sessions s WHERE s.tenant_id = tenant AND s.id = session FOR NO KEY UPDATE;
  PERFORM wagate_hold_identities(session);
  DELETE FROM identities i USING unnest(lids, phones) AS p (lid, phone)
  WHERE i.tenant_id = tenant AND i.session_id = session AND i.phone = p.phone AND i.lid <> p.lid;
  WITH learned AS (
    INSERT INTO identities AS i (tenant_id, session_id, lid, phone)
    SELECT tenant, session, p.lid, p.phone FROM unnest(lids, phones) AS p (lid, phone)
    ON CONFLICT (tenant_id, session_id, lid) DO UPDATE SET phone = excluded.phone, learned_at = now()
    WHERE i.phone <> excluded.phone
    RETURNING i.lid, i.phone
  )
  SELECT array_agg(l.lid ORDER BY l.lid), array_agg(l.phone ORDER BY l.lid), array_agg(l.phone || '@c.us' ORDER BY l.lid)
  INTO lids, phones, forms FROM learned l;
  IF lids IS NULL THEN
    RETURN;
  END IF;
  PERFORM FROM contacts c WHERE c.tenant_id = tenant AND c.session_id = session
    AND (c.wa_id = ANY (lids || forms) OR c.lid = ANY (lids)) ORDER BY c.wa_id FOR UPDATE;
  PERFORM FROM chats c WHERE c.tenant_id = tenant AND c.session_id = session
    AND (c.wa_id = ANY (lids || forms) OR c.lid = ANY (lids)) ORDER BY c.wa_id FOR UPDATE;

  FOR twin IN
    SELECT k.id AS kept, g.id AS gone, g.name, g.created_at FROM unnest(lids, forms) AS p (lid, form)
    JOIN contacts g ON g.tenant_id = tenant AND g.session_id = session AND g.wa_id = p.lid
    JOIN contacts k ON k.tenant_id = tenant AND k.session_id = session AND k.wa_id = p.form
  LOOP
    DELETE FROM contacts c WHERE c.tenant_id = tenant AND c.id = twin.gone;
    UPDATE contacts c SET name = coalesce(c.name, twin.name), created_at = least(c.created_at, twin.created_at)
    WHERE c.tenant_id = tenant AND c.id = twin.kept;
    PERFORM wagate_note_merged(tenant, session, twin.gone, twin.kept);
    RETURN QUERY SELECT 'contact', twin.kept, twin.gone;
  END LOOP;
  FOR twin IN
    SELECT k.id AS kept, g.id AS gone, g.name, g.created_at, g.last_message_id, g.last_message_at
    FROM unnest(lids, forms) AS p (lid, form)
    JOIN chats g ON g.tenant_id = tenant AND g.session_id = session AND g.wa_id = p.lid
    JOIN chats k ON k.tenant_id = tenant AND k.session_id = session AND k.wa_id = p.form
  LOOP
    INSERT INTO chat_gaps AS c (tenant_id, chat_id, from_at, to_at, created_at)
    SELECT tenant, twin.kept, o.from_at, o.to_at, o.created_at FROM chat_gaps o
    WHERE o.tenant_id = tenant AND o.chat_id = twin.gone
    ON CONFLICT (tenant_id, chat_id, from_at) DO UPDATE SET to_at = least(c.to_at, excluded.to_at);
    DELETE FROM chats c WHERE c.tenant_id = tenant AND c.id = twin.gone;
    UPDATE chats c SET name = coalesce(c.name, twin.name), created_at = least(c.created_at, twin.created_at),
      last_message_id = CASE WHEN (c.last_message_at, c.last_message_id) < (twin.last_message_at, twin.last_message_id)
        OR c.last_message_at IS NULL THEN twin.last_message_id ELSE c.last_message_id END,
      last_message_at = greatest(c.last_message_at, twin.last_message_at)
    WHERE c.tenant_id = tenant AND c.id = twin.kept;
    PERFORM wagate_note_merged(tenant, session, twin.gone, twin.kept);
    RETURN QUERY SELECT 'chat', twin.kept, twin.gone;
  END LOOP;

  -- Someone else had one of these LIDs before.
  UPDATE contacts c SET lid = NULL FROM unnest(lids, forms) AS p (lid, form) WHERE c.tenant_id = tenant
    AND c.session_id = session AND c.lid = p.lid AND c.wa_id NOT IN (p.lid, p.form);
  UPDATE chats c SET lid = NULL FROM unnest(lids, forms) AS p (lid, form) WHERE c.tenant_id = tenant
    AND c.session_id = session AND c.lid = p.lid AND c.wa_id NOT IN (p.lid, p.form);
  RETURN QUERY UPDATE contacts c SET wa_id = p.form, phone = p.phone, lid = p.lid, updated_at = now()
    FROM unnest(lids, phones, forms) AS p (lid, phone, form) WHERE c.tenant_id = tenant AND c.session_id = session
      AND c.wa_id IN (p.lid, p.form) AND (c.wa_id, c.phone, c.lid) IS DISTINCT FROM (p.form, p.phone, p.lid)
    RETURNING 'contact', c.id, NULL;
  RETURN QUERY UPDATE chats c SET wa_id = p.form, phone = p.phone, lid = p.lid, updated_at = now()
    FROM unnest(lids, phones, forms) AS p (lid, phone, form) WHERE c.tenant_id = tenant AND c.session_id = session
      AND c.wa_id IN (p.lid, p.form) AND (c.wa_id, c.phone, c.lid) IS DISTINCT FROM (p.form, p.phone, p.lid)
    RETURNING 'chat', c.id, NULL;

  EXECUTE 'SELECT FROM messages m WHERE m.tenant_id = $1 AND m.session_id = $2 AND (m.chat_wa_id = ANY ($3)
    OR m.direction = ''in'' AND m.author_wa_id = ANY ($3)) ORDER BY m.id FOR UPDATE' USING tenant, session, lids;
  EXECUTE 'UPDATE messages m SET chat_wa_id = p.form FROM unnest($3, $4) AS p (lid, form)
    WHERE m.tenant_id = $1 AND m.session_id = $2 AND m.chat_wa_id = p.lid' USING tenant, session, lids, forms;
  EXECUTE 'UPDATE messages m SET author_wa_id = p.form, author_phone = p.phone, author_lid = p.lid
    FROM unnest($3, $4, $5) AS p (lid, phone, form)
    WHERE m.tenant_id = $1 AND m.session_id = $2 AND m.direction = ''in'' AND m.author_wa_id = p.lid'
    USING tenant, session, lids, phones, forms;
  PERFORM wagate_merge_reactions(tenant, session, lids, forms);
END $$;

CREATE FUNCTION wagate_note_merged(tenant text, session text, gone text, kept text) RETURNS void LANGUAGE sql AS $$
  UPDATE merged_ids SET kept_id = kept WHERE tenant_id = tenant AND kept_id = gone;
  INSERT INTO merged_ids (tenant_id, id, session_id, kept_id) VALUES (tenant, gone, session, kept);
$$;

-- Of two reactions of one person to one message the newer one stands.
CREATE FUNCTION wagate_merge_reactions(tenant text, session text, lids text[], forms text[]) RETURNS void
LANGUAGE sql AS $$
  WITH moved AS (
    DELETE FROM message_reactions r USING unnest(lids, forms) AS p (lid, form), messages m
    WHERE r.tenant_id = tenant AND r.sender = p.lid AND r.sender LIKE '%@lid'
      AND m.tenant_id = r.tenant_id AND m.id = r.message_id AND m.session_id = session
    RETURNING r.message_id, p.form, r.name, r.emoji, r.at
  )
  INSERT INTO message_reactions AS r (tenant_id, message_id, sender, name, emoji, at)
  SELECT tenant, moved.message_id, moved.form, moved.name, moved.emoji, moved.at FROM moved
  ON CONFLICT (tenant_id, message_id, sender) DO UPDATE
    SET name = coalesce(excluded.name, r.name), emoji = excluded.emoji, at = excluded.at WHERE r.at < excluded.at;
$$;
`;
