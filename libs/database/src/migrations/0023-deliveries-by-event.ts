/** The deliveries of one event, for the timeline of a message. */
export default /* sql */ `
-- By "seq", which every delivery has of its event and which is a third of its id's length.
CREATE INDEX webhook_deliveries_event ON webhook_deliveries (tenant_id, seq);
-- Nearly all deliveries end with their first attempt. The list of the delivered ones needs no index of its own (that of
-- the webhook passes over the few others), so a delivery is written into as many indexes as before, and shorter ones.
CREATE INDEX webhook_deliveries_undelivered ON webhook_deliveries (tenant_id, webhook_id, state, id DESC)
  WHERE state <> 'delivered';
DROP INDEX webhook_deliveries_by_state;
`;
