/** Webhooks and their deliveries. */
export default /* sql */ `
CREATE TABLE webhooks (
  tenant_id     text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  id            text NOT NULL,
  url           text NOT NULL,
  description   text,
  -- As the key that made it: it gets the events of sessions of this mode.
  mode          text NOT NULL CHECK (mode IN ('live', 'test')),
  -- null: all that there are.
  event_types   text[],
  session_ids   text[],
  -- Encrypted: custom headers carry passwords of receivers.
  headers_sealed bytea,
  secret_sealed bytea NOT NULL,
  -- The secret before the last rotation signs too, until then.
  previous_secret_sealed bytea,
  previous_secret_until timestamptz,
  enabled       boolean NOT NULL DEFAULT true,
  disabled_reason text CHECK (disabled_reason IN ('by_tenant', 'gone', 'failing')),
  disabled_at   timestamptz,
  -- Every event up to here is delivered, given up, or waits in webhook_deliveries.
  cursor_seq    bigint NOT NULL DEFAULT 0,
  -- The circuit breaker: failures in a row, since when, and the time of the next probe.
  failures      integer NOT NULL DEFAULT 0,
  failing_since timestamptz,
  open_until    timestamptz,
  -- Which api process delivers, by the database's clock.
  leased_by     text,
  leased_until  timestamptz,
  created_at    timestamptz NOT NULL DEFAULT now(),
  updated_at    timestamptz NOT NULL DEFAULT now(),
  -- Nobody sees it any more; the row goes once its deliveries are gone.
  deleted_at    timestamptz,
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX webhooks_enabled ON webhooks (tenant_id) WHERE enabled;
SELECT wagate_tenant_table('webhooks', true);

-- One event for one webhook: written when its first attempt has ended, or when it is to be delivered again.
CREATE TABLE webhook_deliveries (
  tenant_id   text NOT NULL,
  id          text NOT NULL,
  webhook_id  text NOT NULL,
  event_id    text NOT NULL,
  seq         bigint NOT NULL,
  event_type  text NOT NULL,
  cause       text NOT NULL CHECK (cause IN ('event', 'replay', 'redelivery')),
  state       text NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
  -- [{ at, status, error, durationMs, responseType, responseHead }], oldest first.
  attempts    jsonb NOT NULL DEFAULT '[]',
  -- When it is tried next, while pending.
  next_at     timestamptz,
  created_at  timestamptz NOT NULL DEFAULT now(),
  ended_at    timestamptz,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, webhook_id) REFERENCES webhooks (tenant_id, id) ON DELETE CASCADE,
  CHECK ((state = 'pending') = (next_at IS NOT NULL))
);
CREATE INDEX webhook_deliveries_of ON webhook_deliveries (tenant_id, webhook_id, id DESC);
CREATE INDEX webhook_deliveries_by_state ON webhook_deliveries (tenant_id, webhook_id, state, id DESC);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (tenant_id, webhook_id, next_at) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_ended ON webhook_deliveries (tenant_id, ended_at) WHERE ended_at IS NOT NULL;
SELECT wagate_tenant_table('webhook_deliveries', true);

-- Events of a time, for a replay: they lie in the order of their time, so this index is a few pages.
CREATE INDEX events_created ON events USING brin (created_at) WITH (pages_per_range = 16);
`;
