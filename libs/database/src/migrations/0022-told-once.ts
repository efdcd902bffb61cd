/** What tenants are told once: that there is a QR code, that a limit is reached, calls, changes of groups, votes. */
export default /* sql */ `
-- When the newest QR code of which its tenant was told expires.
ALTER TABLE sessions ADD COLUMN qr_expires_at timestamptz;

-- The limits of which a tenant was told that they are reached, when, and how high they were. "session_id" is '' for those of all sessions.
CREATE TABLE limit_notices (
  tenant_id   text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  session_id  text NOT NULL,
  name        text NOT NULL,
  most        bigint NOT NULL,
  told_at     timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, session_id, name)
);
SELECT wagate_tenant_table('limit_notices', true);

-- What a session's page told that has no row of its own: "key" is the SHA-256 of what it is about, as that names people,
-- "at" when the newest told of it happened. The same and anything earlier is not told again.
CREATE TABLE told_facts (
  tenant_id   text NOT NULL,
  session_id  text NOT NULL,
  kind        text NOT NULL CHECK (kind IN ('call', 'group', 'vote')),
  key         bytea NOT NULL CHECK (octet_length(key) = 32),
  at          timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, session_id, kind, key),
  FOREIGN KEY (tenant_id, session_id) REFERENCES sessions (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX told_facts_age ON told_facts (tenant_id, at);
SELECT wagate_tenant_table('told_facts', true);

-- The caps of a session's policy that let nothing go at the time "moment": to anybody, or to strangers. "until": when the
-- first of what counts no longer does; infinity: when an attempt under way has ended, or never. Counts as
-- wagate_pacing_allowance does. The cap of a minute is left out: it is reached all the time.
CREATE FUNCTION wagate_reached_caps(target text, fallback jsonb, to_strangers boolean, moment timestamptz)
RETURNS TABLE (tenant text, name text, most bigint, span interval, until timestamptz) LANGUAGE sql STABLE AS $$
  SELECT s.tenant_id, cap.name, cap.most, cap.span, coalesce(used.oldest + cap.span, timestamptz 'infinity')
  FROM sessions s
  CROSS JOIN LATERAL (SELECT wagate_pacing_of(s.pacing, s.mode, fallback) AS policy) p
  CROSS JOIN LATERAL (VALUES
    ('pacing.perHour', (p.policy ->> 'perHour')::bigint, interval '3600 s', false),
    ('pacing.perDay', least((p.policy ->> 'perDay')::bigint, (p.policy -> 'ramp' ->> 'firstDay')::bigint
      + (p.policy -> 'ramp' ->> 'morePerDay')::bigint
      * greatest(floor(extract(epoch FROM moment - coalesce(s.linked_at, moment)) / 86400), 0)::bigint),
      interval '86400 s', false),
    ('pacing.strangersPerDay', (p.policy ->> 'strangersPerDay')::bigint, interval '86400 s', true)
  ) AS cap (name, most, span, of_strangers)
  CROSS JOIN LATERAL (
    SELECT count(*) AS counted, min(u.ended) AS oldest FROM (
      SELECT coalesce(a.ended_at, timestamptz 'infinity') AS ended FROM message_attempts a
      WHERE a.session_id = target AND a.paced AND (a.stranger OR NOT cap.of_strangers)
        AND a.outcome IS DISTINCT FROM 'not_sent'
        AND coalesce(a.ended_at, timestamptz 'infinity') > moment - cap.span
      ORDER BY coalesce(a.ended_at, timestamptz 'infinity') DESC LIMIT cap.most) u) used
  WHERE s.id = target AND cap.of_strangers = to_strangers AND cap.most IS NOT NULL AND used.counted >= cap.most
$$;
`;
