/** The files of each session that wait in WhatsApp, the oldest first. */
export default /* sql */ `
-- The next file of a session is one look, however many wait; before, each claim sorted all that waited.
CREATE INDEX media_waiting ON media (tenant_id, session_id, created_at) WHERE state = 'pending';
DROP INDEX media_due;
`;
