/** Search within a range of time looks at the blocks that hold messages of that time. */
export default /* sql */ `
-- Of the messages of a block: none is older than "oldest" or newer than "newest", but for those in search_again. They may
-- be wider than the messages are, by an hour in any case, and hold the times of acceptance too: that never changes, so a
-- message that is handed over within an hour of it changes nothing here.
CREATE TABLE search_blocks (
  tenant_id   text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  block       integer NOT NULL,
  oldest      timestamptz NOT NULL,
  newest      timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, block)
);
SELECT wagate_tenant_table('search_blocks', true);

-- Messages of the index behind this one may be missing in search_blocks: what was indexed before there was that table, as
-- long as it is being read. NULL: none is missing.
ALTER TABLE search_progress ADD COLUMN untimed_from text DEFAULT '';
ALTER TABLE search_progress ALTER COLUMN untimed_from SET DEFAULT NULL;

CREATE FUNCTION wagate_widen_search_blocks(tenant text, ids text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO search_blocks AS b (tenant_id, block, oldest, newest)
  SELECT tenant, x.block, min(least(m.occurred_at, m.created_at)) - interval '1 hour',
    max(greatest(m.occurred_at, m.created_at)) + interval '1 hour'
  FROM unnest(ids) AS i (id) JOIN message_search x ON x.tenant_id = tenant AND x.message_id = i.id
    JOIN messages m ON m.tenant_id = tenant AND m.id = i.id
  GROUP BY x.block ORDER BY x.block
  ON CONFLICT (tenant_id, block) DO UPDATE
    SET oldest = least(b.oldest, excluded.oldest), newest = greatest(b.newest, excluded.newest)
    WHERE b.oldest > excluded.oldest OR b.newest < excluded.newest;
END $$;

-- Here and not in the app, so that an app of before this table keeps it true, too.
CREATE FUNCTION wagate_time_indexed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM wagate_widen_search_blocks(n.tenant_id, array_agg(n.message_id)) FROM indexed n GROUP BY n.tenant_id;
  RETURN NULL;
END $$;
CREATE TRIGGER message_search_timed AFTER INSERT ON message_search REFERENCING NEW TABLE AS indexed
  FOR EACH STATEMENT EXECUTE FUNCTION wagate_time_indexed();

CREATE FUNCTION wagate_time_again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM wagate_widen_search_blocks(OLD.tenant_id, ARRAY[OLD.message_id]);
  RETURN NULL;
END $$;
CREATE TRIGGER search_again_timed AFTER DELETE ON search_again
  FOR EACH ROW EXECUTE FUNCTION wagate_time_again();

-- Until its block has been widened, a search finds the message where it stands then.
CREATE TRIGGER messages_moved AFTER UPDATE OF occurred_at ON messages FOR EACH ROW
  WHEN (OLD.occurred_at IS DISTINCT FROM NEW.occurred_at AND (NEW.occurred_at > NEW.created_at + interval '1 hour'
    OR NEW.occurred_at < NEW.created_at - interval '1 hour'))
  EXECUTE FUNCTION wagate_search_again();
`;
