/** Types of the facts a tenant is told; each event is numbered per tenant. */
export const EVENT_TYPES = [
  'session.state_changed',
  'session.linked',
  'session.logged_out',
  'message.received',
  'message.sent',
  'message.delivered',
  'message.read',
  'message.failed',
  'message.unknown',
  'message.expired',
  'message.from_phone',
  'media.ready',
  'media.failed',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];
