/**
 * A model's ack within the range that we tell, -1 to 4; undefined for what is no number. WhatsApp Web counts its
 * failures down to -7 (expired -2, content gone -3, too big -4, not uploadable -5, inactive -6, downgraded -7).
 */
export function ackNumber(ack: unknown): number | undefined {
  if (typeof ack !== 'number' || !Number.isFinite(ack)) return undefined;
  return Math.max(-1, Math.min(4, Math.trunc(ack)));
}
