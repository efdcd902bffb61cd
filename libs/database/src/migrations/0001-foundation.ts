/** Tenants, API keys, idempotency, usage, audit; and the function that puts a table under tenant isolation. */
export default /* sql */ `
-- Puts a table under tenant isolation: row security that also binds the owner, one policy for the app role and,
-- where workers need the table across tenants, one for the worker role; with the grants that go with them.
CREATE FUNCTION wagate_tenant_table(target regclass, worker boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
  EXECUTE format(
    'CREATE POLICY tenant_rows ON %s TO wagate_app '
    'USING (tenant_id = current_setting(''app.tenant_id'', true)) '
    'WITH CHECK (tenant_id = current_setting(''app.tenant_id'', true))', target);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO wagate_app', target);
  IF worker THEN
    EXECUTE format('CREATE POLICY worker_rows ON %s TO wagate_worker USING (true) WITH CHECK (true)', target);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO wagate_worker', target);
  END IF;
END $$;

CREATE TABLE tenants (
  id text PRIMARY KEY,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
  max_sessions integer NOT NULL DEFAULT 50 CHECK (max_sessions >= 0),
  daily_message_limit integer CHECK (daily_message_limit >= 0),
  session_daily_message_limit integer CHECK (session_daily_message_limit >= 0),
  requests_per_minute integer CHECK (requests_per_minute > 0),
  key_requests_per_minute integer CHECK (key_requests_per_minute > 0),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN tenants.daily_message_limit IS 'Messages accepted per UTC day; null: no limit';
COMMENT ON COLUMN tenants.requests_per_minute IS 'null: the default of the process';
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenants FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON tenants FOR SELECT TO wagate_app
  USING (id = current_setting('app.tenant_id', true));
CREATE POLICY worker_rows ON tenants TO wagate_worker USING (true) WITH CHECK (true);
GRANT SELECT ON tenants TO wagate_app;
GRANT SELECT, INSERT, UPDATE ON tenants TO wagate_worker;

CREATE TABLE api_keys (
  tenant_id text NOT NULL REFERENCES tenants (id),
  id text NOT NULL,
  public_id text NOT NULL,
  secret_hash bytea NOT NULL,
  pepper_version smallint NOT NULL DEFAULT 1,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
  mode text NOT NULL CHECK (mode IN ('live', 'test')),
  scopes text[] NOT NULL,
  session_ids text[],
  allowed_ips text[],
  expires_at timestamptz,
  revoked_at timestamptz,
  replaced_by text,
  last_used_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id)
);
-- The one index that does not begin with the tenant: a caller is known by this id before its tenant is.
CREATE UNIQUE INDEX api_keys_public_id ON api_keys (public_id);
SELECT wagate_tenant_table('api_keys', worker => true);

-- Tells every process that what it remembers of a key (payload: public id) or of all keys of a tenant
-- (payload: tenant id) is out of date.
CREATE FUNCTION wagate_announce_key_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('wagate_keys', CASE WHEN TG_TABLE_NAME = 'tenants' THEN to_jsonb(OLD)->>'id'
    ELSE to_jsonb(OLD)->>'public_id' END);
  RETURN NULL;
END $$;
CREATE TRIGGER api_keys_changed AFTER DELETE OR UPDATE OF revoked_at, expires_at, scopes, session_ids, allowed_ips,
  secret_hash ON api_keys FOR EACH ROW EXECUTE FUNCTION wagate_announce_key_change();
CREATE TRIGGER tenants_changed AFTER UPDATE ON tenants FOR EACH ROW EXECUTE FUNCTION wagate_announce_key_change();

CREATE TABLE idempotency_keys (
  tenant_id text NOT NULL REFERENCES tenants (id),
  operation text NOT NULL,
  key text NOT NULL,
  request_hash bytea NOT NULL,
  response_status smallint,
  response_body text,
  resource_id text,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL DEFAULT now() + interval '7 days',
  PRIMARY KEY (tenant_id, operation, key)
);
CREATE INDEX idempotency_keys_expiry ON idempotency_keys (tenant_id, expires_at);
SELECT wagate_tenant_table('idempotency_keys', worker => true);

-- Counters of a UTC day. Each counter is spread over 16 rows, so that concurrent transactions of one tenant seldom
-- wait for each other. session_id '' counts for the tenant as a whole.
CREATE TABLE usage_daily (
  tenant_id text NOT NULL REFERENCES tenants (id),
  day date NOT NULL,
  session_id text NOT NULL,
  shard smallint NOT NULL CHECK (shard BETWEEN 0 AND 15),
  accepted bigint NOT NULL DEFAULT 0,
  sent bigint NOT NULL DEFAULT 0,
  delivered bigint NOT NULL DEFAULT 0,
  failed bigint NOT NULL DEFAULT 0,
  received bigint NOT NULL DEFAULT 0,
  media_bytes bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, day, session_id, shard)
);
SELECT wagate_tenant_table('usage_daily', worker => true);

-- Adds n accepted messages to one counter unless that would pass the limit (null: none); true when added. The limit
-- is divided among the 16 rows, so exactly "lim" fit in a day. What was counted before a limit was set or lowered may
-- lie on few rows, so their sum is looked at first. After false the caller must roll back: a part of n may have been
-- added.
-- A limited counter never waits for a row lock, so callers cannot deadlock, whatever they hold: it takes a row that
-- is free, and looks again for up to a second while those with room are held by others.
CREATE FUNCTION wagate_count_accepted(tenant text, session text, n integer, lim integer) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
  today date := (now() AT TIME ZONE 'utc')::date;
  own integer := pg_backend_pid() % 16;
  free integer;
  may_wait boolean := false;
BEGIN
  IF lim IS NULL THEN
    INSERT INTO usage_daily AS u (tenant_id, day, session_id, shard, accepted)
    VALUES (tenant, today, session, own, n)
    ON CONFLICT (tenant_id, day, session_id, shard) DO UPDATE SET accepted = u.accepted + n;
    RETURN true;
  END IF;
  IF (SELECT coalesce(sum(u.accepted), 0) FROM usage_daily u
      WHERE u.tenant_id = tenant AND u.day = today AND u.session_id = session) + n > lim THEN
    RETURN false;
  END IF;
  FOR attempt IN 1..500 LOOP
    EXIT WHEN n > lim / 16 + (lim % 16 > 0)::integer;
    SELECT u.shard INTO free FROM usage_daily u
    WHERE u.tenant_id = tenant AND u.day = today AND u.session_id = session
      AND u.accepted + n <= lim / 16 + (u.shard < lim % 16)::integer
    ORDER BY (u.shard - own + 16) % 16 LIMIT 1 FOR UPDATE SKIP LOCKED;
    IF FOUND THEN
      UPDATE usage_daily u SET accepted = u.accepted + n
      WHERE u.tenant_id = tenant AND u.day = today AND u.session_id = session AND u.shard = free;
      RETURN true;
    END IF;
    -- A row that is not there yet is made under a lock of its own, because an insert would wait for another one's.
    FOR free IN SELECT (own + i) % 16 FROM generate_series(0, 15) AS i LOOP
      CONTINUE WHEN n > lim / 16 + (free < lim % 16)::integer OR EXISTS (SELECT FROM usage_daily u
        WHERE u.tenant_id = tenant AND u.day = today AND u.session_id = session AND u.shard = free);
      may_wait := true;
      CONTINUE WHEN NOT pg_try_advisory_xact_lock(hashtextextended(concat_ws(' ', tenant, today, session, free), 0));
      INSERT INTO usage_daily (tenant_id, day, session_id, shard, accepted)
      VALUES (tenant, today, session, free, n) ON CONFLICT DO NOTHING;
      IF FOUND THEN
        RETURN true;
      END IF;
    END LOOP;
    EXIT WHEN NOT may_wait AND NOT EXISTS (SELECT FROM usage_daily u
      WHERE u.tenant_id = tenant AND u.day = today AND u.session_id = session
        AND u.accepted + n <= lim / 16 + (u.shard < lim % 16)::integer);
    may_wait := false;
    PERFORM pg_sleep(0.002);
  END LOOP;
  RETURN n > 1 AND wagate_count_accepted(tenant, session, n / 2, lim)
    AND wagate_count_accepted(tenant, session, n - n / 2, lim);
END $$;

-- Counts n messages against the daily caps of the tenant and of the session (null: no session). Answers null, or
-- which cap is reached ('tenant' or 'session'); the caller must then roll back. Runs inside the accept transaction.
CREATE FUNCTION wagate_take_daily(tenant text, session text, n integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  caps record;
BEGIN
  SELECT daily_message_limit, session_daily_message_limit INTO caps FROM tenants WHERE id = tenant;
  IF NOT wagate_count_accepted(tenant, '', n, caps.daily_message_limit) THEN
    RETURN 'tenant';
  END IF;
  IF session IS NOT NULL AND NOT wagate_count_accepted(tenant, session, n, caps.session_daily_message_limit) THEN
    RETURN 'session';
  END IF;
  RETURN NULL;
END $$;

CREATE TABLE audit_log (
  tenant_id text NOT NULL REFERENCES tenants (id),
  id text NOT NULL,
  at timestamptz NOT NULL DEFAULT now(),
  actor text NOT NULL,
  action text NOT NULL,
  target_id text,
  request_id text,
  ip text,
  detail jsonb NOT NULL DEFAULT '{}',
  PRIMARY KEY (tenant_id, id)
);
SELECT wagate_tenant_table('audit_log', worker => true);
-- Append only.
REVOKE UPDATE, DELETE ON audit_log FROM wagate_app, wagate_worker;
`;
