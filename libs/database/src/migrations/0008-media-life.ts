/** Media jobs that are free when their process ends; how long messages and files are kept; removals that survive a crash. */
export default /* sql */ `
-- The api process that downloads it. A claim holds until "claimed_until", and no longer than that process lives.
ALTER TABLE media ADD COLUMN claimed_by text;

ALTER TABLE tenants
  ADD COLUMN message_retention_days integer CHECK (message_retention_days >= 0),
  ADD COLUMN media_retention_days integer CHECK (media_retention_days >= 0);
COMMENT ON COLUMN tenants.message_retention_days IS 'Days; 0: kept for ever; null: the default of the installation';
COMMENT ON COLUMN tenants.media_retention_days IS 'Days; 0: kept for ever; null: the default of the installation';

-- Objects whose row is gone: written in the transaction that removes the row, removed when the object is. So a crash
-- between the two leaves an entry here, never an object that nobody knows.
CREATE TABLE media_removals (
  tenant_id   text NOT NULL REFERENCES tenants (id),
  object_key  text NOT NULL,
  bytes       bigint NOT NULL DEFAULT 0,
  created_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, object_key)
);
SELECT wagate_tenant_table('media_removals', true);

-- How far the look at all objects has come: it goes on where it was, in whichever process. The operator's.
CREATE TABLE object_sweeps (
  name        text PRIMARY KEY,
  -- The last object key that was looked at; null between two rounds.
  marker      text,
  started_at  timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz
);
GRANT SELECT, INSERT, UPDATE, DELETE ON object_sweeps TO wagate_worker;

-- Messages on their way that quote another one, which must stay for as long.
CREATE INDEX messages_quoting ON messages (tenant_id, quoted_message_id)
  WHERE quoted_message_id IS NOT NULL AND status IN ('queued', 'sending', 'unknown');
`;
