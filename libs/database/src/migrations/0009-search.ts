/** Lists of messages by every filter, and search in what they say. */
export default /* sql */ `
-- Within one session: lists go through the sessions that a key may see, newest first in each.
CREATE INDEX messages_status ON messages (tenant_id, session_id, status, id);
CREATE INDEX messages_type ON messages (tenant_id, session_id, type, id) WHERE type <> 'text';
CREATE INDEX messages_occurred ON messages (tenant_id, session_id, occurred_at, id);

-- How far the search of a tenant has come: all messages up to "upto_id" are in message_search, "indexed" of them in all.
CREATE TABLE search_progress (
  tenant_id   text PRIMARY KEY REFERENCES tenants (id) ON DELETE CASCADE,
  -- Stands for the tenant in the terms, where its id would be in the index millions of times.
  number      integer GENERATED ALWAYS AS IDENTITY,
  upto_id     text NOT NULL DEFAULT '',
  indexed     bigint NOT NULL DEFAULT 0
);
SELECT wagate_tenant_table('search_progress', true);

-- One row per message, written after the message. A term is "tenant number.block.word": the tenant and its messages in
-- the order of their ids, so many to a block, so that a search goes from the newest block to the oldest and ends as soon
-- as it has a page, however often the word occurs.
CREATE TABLE message_search (
  tenant_id   text NOT NULL,
  message_id  text NOT NULL,
  session_id  text NOT NULL,
  block       integer NOT NULL,
  terms       tsvector NOT NULL,
  PRIMARY KEY (tenant_id, message_id),
  FOREIGN KEY (tenant_id, message_id) REFERENCES messages (tenant_id, id) ON DELETE CASCADE
);
-- The terms begin with the tenant.
CREATE INDEX message_search_terms ON message_search USING gin (terms);
SELECT wagate_tenant_table('message_search', true);

-- Messages that say something else than when they were indexed.
CREATE TABLE search_again (
  tenant_id   text NOT NULL,
  message_id  text NOT NULL,
  PRIMARY KEY (tenant_id, message_id),
  FOREIGN KEY (tenant_id, message_id) REFERENCES messages (tenant_id, id) ON DELETE CASCADE
);
SELECT wagate_tenant_table('search_again', true);

-- An update where the row is there: it has to wait for whoever indexes what was said before.
CREATE FUNCTION wagate_search_again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO search_again AS a (tenant_id, message_id) VALUES (NEW.tenant_id, NEW.id)
  ON CONFLICT (tenant_id, message_id) DO UPDATE SET message_id = a.message_id;
  RETURN NULL;
END $$;
CREATE TRIGGER messages_said_anew AFTER UPDATE OF content ON messages FOR EACH ROW
  WHEN (OLD.content IS DISTINCT FROM NEW.content) EXECUTE FUNCTION wagate_search_again();
`;
