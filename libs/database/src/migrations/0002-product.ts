/** Nodes, sessions, chats, contacts, media, messages and the attempts to send them. */
export default /* sql */ `
-- Nodes are the operator's, not a tenant's: only workers see them.
CREATE TABLE nodes (
  name         text PRIMARY KEY,
  url          text NOT NULL,
  capacity     integer NOT NULL CHECK (capacity > 0),
  boot_id      text NOT NULL,
  sandbox      boolean NOT NULL,
  session_count integer NOT NULL DEFAULT 0,
  last_seen_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT, INSERT, UPDATE, DELETE ON nodes TO wagate_worker;

CREATE TABLE sessions (
  tenant_id   text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  id          text NOT NULL,
  name        text NOT NULL,
  mode        text NOT NULL CHECK (mode IN ('live', 'test')),
  -- What the tenant wants, against "state", what the node last reported.
  desired     text NOT NULL DEFAULT 'stopped' CHECK (desired IN ('running', 'stopped', 'deleted')),
  node_name   text,
  -- Fencing: rises whenever the session is placed on a node; a node with a lower one is refused.
  epoch       integer NOT NULL DEFAULT 0,
  state       text NOT NULL DEFAULT 'stopped',
  reason      text NOT NULL DEFAULT 'created',
  action      text,
  detail      text,
  since       timestamptz NOT NULL DEFAULT now(),
  proven_at   timestamptz,
  phone       text,
  wa_id       text,
  lid         text,
  profile_name text,
  -- It was linked at least once and not logged out since: sends are accepted while it reconnects.
  linked_at   timestamptz,
  daily_message_limit integer CHECK (daily_message_limit >= 0),
  -- "since" and arrival of the node's newest report, so that one overtaken on its way is not applied.
  reported_since timestamptz,
  reported_at timestamptz,
  created_at  timestamptz NOT NULL DEFAULT now(),
  updated_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX sessions_name ON sessions (tenant_id, name) WHERE desired <> 'deleted';
-- A deleted session keeps its row (its messages stay readable) and its node until that has removed the profile.
CREATE INDEX sessions_node ON sessions (node_name) WHERE node_name IS NOT NULL;

CREATE TABLE chats (
  tenant_id   text NOT NULL,
  id          text NOT NULL,
  session_id  text NOT NULL,
  -- WhatsApp's chat id, the phone form where it is known.
  wa_id       text NOT NULL,
  kind        text NOT NULL CHECK (kind IN ('person', 'group', 'broadcast', 'newsletter')),
  name        text,
  phone       text,
  lid         text,
  last_message_id text,
  last_message_at timestamptz,
  created_at  timestamptz NOT NULL DEFAULT now(),
  updated_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, session_id, wa_id),
  FOREIGN KEY (tenant_id, session_id) REFERENCES sessions (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX chats_activity ON chats (tenant_id, session_id, (coalesce(last_message_at, created_at)) DESC, id DESC);
CREATE INDEX chats_lid ON chats (tenant_id, session_id, lid) WHERE lid IS NOT NULL;

CREATE TABLE contacts (
  tenant_id   text NOT NULL,
  id          text NOT NULL,
  session_id  text NOT NULL,
  wa_id       text NOT NULL,
  phone       text,
  lid         text,
  name        text,
  created_at  timestamptz NOT NULL DEFAULT now(),
  updated_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, session_id, wa_id),
  FOREIGN KEY (tenant_id, session_id) REFERENCES sessions (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX contacts_session ON contacts (tenant_id, session_id, id DESC);
CREATE INDEX contacts_lid ON contacts (tenant_id, session_id, lid) WHERE lid IS NOT NULL;

-- One row for each pairing code that was asked for; rows older than the limit's window are removed.
CREATE TABLE pairing_attempts (
  tenant_id   text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  phone       text NOT NULL,
  at          timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (tenant_id, phone, at)
);

-- Facts that this version could not store: kept whole, so that nothing that came in is lost.
CREATE TABLE quarantined_facts (
  tenant_id   text NOT NULL,
  id          text NOT NULL,
  session_id  text NOT NULL,
  kind        text NOT NULL,
  fact        jsonb NOT NULL,
  -- Name of the error only: its message may quote the fact.
  error       text NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, session_id) REFERENCES sessions (tenant_id, id) ON DELETE CASCADE
);

CREATE TABLE media (
  tenant_id   text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  id          text NOT NULL,
  source      text NOT NULL CHECK (source IN ('upload', 'url', 'inbound')),
  session_id  text,
  state       text NOT NULL CHECK (state IN ('pending', 'stored', 'expired', 'failed')),
  mime_type   text NOT NULL,
  filename    text,
  size        bigint,
  -- Lower-case hex; for inbound media WhatsApp's own until stored, when both were found equal.
  sha256      text,
  object_key  text NOT NULL,
  error       text,
  -- Inbound only: where the bytes come from, and when to try next.
  wa_key      text,
  attempts    integer NOT NULL DEFAULT 0,
  next_attempt_at timestamptz,
  created_at  timestamptz NOT NULL DEFAULT now(),
  stored_at   timestamptz,
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX media_due ON media (next_attempt_at) WHERE state = 'pending';

CREATE TABLE messages (
  tenant_id   text NOT NULL,
  id          text NOT NULL,
  session_id  text NOT NULL,
  direction   text NOT NULL CHECK (direction IN ('in', 'out')),
  origin      text NOT NULL CHECK (origin IN ('api', 'phone', 'contact')),
  -- WhatsApp's chat id, the phone form where it is known.
  chat_wa_id  text NOT NULL,
  author_wa_id text,
  author_phone text,
  author_lid  text,
  author_name text,
  type        text NOT NULL,
  content     jsonb NOT NULL,
  media_id    text,
  status      text NOT NULL,
  ack         smallint,
  error_code  text,
  error_detail text,
  wa_message_id text,
  wa_key      text,
  quoted_message_id text,
  quoted_wa_message_id text,
  client_ref  text,
  metadata    jsonb,
  link_preview boolean NOT NULL DEFAULT false,
  priority    smallint NOT NULL DEFAULT 0,
  attempts    smallint NOT NULL DEFAULT 0,
  due_at      timestamptz NOT NULL DEFAULT now(),
  expires_at  timestamptz,
  -- WhatsApp's time of the message; ours while it is queued.
  occurred_at timestamptz NOT NULL DEFAULT now(),
  created_at  timestamptz NOT NULL DEFAULT now(),
  sent_at     timestamptz,
  delivered_at timestamptz,
  read_at     timestamptz,
  ended_at    timestamptz,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, session_id) REFERENCES sessions (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, media_id) REFERENCES media (tenant_id, id)
);
CREATE UNIQUE INDEX messages_wa_key ON messages (tenant_id, session_id, wa_key);
CREATE INDEX messages_chat ON messages (tenant_id, session_id, chat_wa_id, id);
CREATE INDEX messages_session ON messages (tenant_id, session_id, id);
CREATE INDEX messages_wa_message ON messages (tenant_id, session_id, wa_message_id) WHERE wa_message_id IS NOT NULL;
CREATE INDEX messages_queue ON messages (session_id, priority DESC, id) WHERE status = 'queued';
CREATE INDEX messages_open ON messages (session_id, id) WHERE status IN ('sending', 'unknown');
CREATE INDEX messages_media ON messages (tenant_id, media_id) WHERE media_id IS NOT NULL;

-- Committed before the node is called: whatever crashes then, there is an exact id to look for.
CREATE TABLE message_attempts (
  tenant_id   text NOT NULL,
  message_id  text NOT NULL,
  number      smallint NOT NULL,
  session_id  text NOT NULL,
  wa_message_id text NOT NULL,
  node_name   text NOT NULL,
  node_boot_id text NOT NULL,
  epoch       integer NOT NULL,
  outcome     text CHECK (outcome IN ('handed', 'not_sent', 'unknown')),
  reason      text,
  started_at  timestamptz NOT NULL DEFAULT now(),
  ended_at    timestamptz,
  PRIMARY KEY (tenant_id, message_id, number),
  FOREIGN KEY (tenant_id, message_id) REFERENCES messages (tenant_id, id) ON DELETE CASCADE
);

SELECT wagate_tenant_table('sessions', true);
SELECT wagate_tenant_table('chats', true);
SELECT wagate_tenant_table('contacts', true);
SELECT wagate_tenant_table('pairing_attempts', true);
SELECT wagate_tenant_table('quarantined_facts', true);
SELECT wagate_tenant_table('media', true);
SELECT wagate_tenant_table('messages', true);
SELECT wagate_tenant_table('message_attempts', true);

-- As before, and a session's own cap goes before the tenant's default for sessions.
CREATE OR REPLACE FUNCTION wagate_take_daily(tenant text, session text, n integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  caps record;
BEGIN
  SELECT t.daily_message_limit AS for_tenant,
    coalesce(s.daily_message_limit, t.session_daily_message_limit) AS for_session INTO caps
  FROM tenants t LEFT JOIN sessions s ON s.tenant_id = t.id AND s.id = session WHERE t.id = tenant;
  IF NOT wagate_count_accepted(tenant, '', n, caps.for_tenant) THEN
    RETURN 'tenant';
  END IF;
  IF session IS NOT NULL AND NOT wagate_count_accepted(tenant, session, n, caps.for_session) THEN
    RETURN 'session';
  END IF;
  RETURN NULL;
END $$;
`;
