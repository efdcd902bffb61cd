/** The log of what tenants are told: written with the change it tells of, numbered after the commit. */
export default /* sql */ `
-- An event is written in the transaction of its change. "seq" is given afterwards by wagate_number_events: taken in the
-- transaction it would have holes where one rolls back, and a late commit would appear behind a reader's back.
-- No foreign key to sessions: writers would lock rows that the intake of a busy session holds.
CREATE TABLE events (
  tenant_id   text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  id          text NOT NULL,
  -- Order of writing, with holes. Whoever saw another's commit writes behind it.
  position    bigint GENERATED ALWAYS AS IDENTITY,
  seq         bigint,
  session_id  text,
  type        text NOT NULL,
  data        jsonb NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX events_seq ON events (tenant_id, seq) WHERE seq IS NOT NULL;
CREATE INDEX events_unnumbered ON events (tenant_id, position) WHERE seq IS NULL;
-- What happened to one message, for its timeline.
CREATE INDEX events_message ON events (tenant_id, (data ->> 'messageId')) WHERE data ? 'messageId';
SELECT wagate_tenant_table('events', true);

-- The last seq that was given; it outlives the events themselves.
CREATE TABLE event_counters (
  tenant_id   text PRIMARY KEY REFERENCES tenants (id) ON DELETE CASCADE,
  last_seq    bigint NOT NULL DEFAULT 0 CHECK (last_seq >= 0)
);
SELECT wagate_tenant_table('event_counters', true);

-- Numbers the committed events of every tenant, "most" of each at once and ten times as many in all, and announces each tenant on "wagate_events".
-- One caller at a time per tenant, until it commits; a tenant that another caller holds is left out ("held"). The lock
-- and the look at the events are two statements: the second sees all that was committed before the lock was had, so no
-- event gets a number before one with a lower number can be read.
CREATE FUNCTION wagate_number_events(most integer, OUT numbered integer, OUT held integer, OUT remaining boolean)
LANGUAGE plpgsql
-- A plan that was made while the table was small must not be kept for when it is not.
SET enable_seqscan = off AS $$
DECLARE
  owner text;
  given integer;
  base bigint;
BEGIN
  numbered := 0;
  held := 0;
  remaining := false;
  FOR owner IN
    WITH RECURSIVE waiting (tenant_id) AS (
      (SELECT e.tenant_id FROM events e WHERE e.seq IS NULL ORDER BY e.tenant_id LIMIT 1)
      UNION ALL
      SELECT (SELECT e.tenant_id FROM events e WHERE e.seq IS NULL AND e.tenant_id > w.tenant_id
        ORDER BY e.tenant_id LIMIT 1)
      FROM waiting w WHERE w.tenant_id IS NOT NULL
    )
    SELECT w.tenant_id FROM waiting w WHERE w.tenant_id IS NOT NULL
  LOOP
    IF NOT pg_try_advisory_xact_lock(hashtextextended('events of ' || owner, 0)) THEN
      held := held + 1;
      CONTINUE;
    END IF;
    INSERT INTO event_counters AS c (tenant_id) VALUES (owner) ON CONFLICT (tenant_id) DO NOTHING;
    SELECT c.last_seq INTO base FROM event_counters c WHERE c.tenant_id = owner FOR NO KEY UPDATE;
    WITH chosen AS (
      SELECT e.id, e.position FROM events e WHERE e.tenant_id = owner AND e.seq IS NULL ORDER BY e.position LIMIT most
    ), placed AS (
      SELECT chosen.id, row_number() OVER (ORDER BY chosen.position) AS place FROM chosen
    )
    UPDATE events e SET seq = base + placed.place FROM placed WHERE e.tenant_id = owner AND e.id = placed.id;
    GET DIAGNOSTICS given = ROW_COUNT;
    CONTINUE WHEN given = 0;
    UPDATE event_counters c SET last_seq = base + given WHERE c.tenant_id = owner;
    PERFORM pg_notify('wagate_events', owner);
    numbered := numbered + given;
    remaining := remaining OR given = most;
    IF numbered >= 10 * most THEN
      remaining := true;
      EXIT;
    END IF;
  END LOOP;
END $$;
`;
