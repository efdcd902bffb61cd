/**
 * The closed set of error codes and the HTTP status of each. A code is part of the API: clients branch on it,
 * so one is added, never renamed.
 */
export const ERROR_STATUS = {
  invalid_request: 400,
  invalid_json: 400,
  invalid_cursor: 400,
  invalid_multipart: 400,
  unauthenticated: 401,
  forbidden: 403,
  insufficient_scope: 403,
  session_not_allowed: 403,
  wrong_key_mode: 403,
  tenant_suspended: 403,
  not_found: 404,
  method_not_allowed: 405,
  name_taken: 409,
  session_not_connected: 409,
  session_already_linked: 409,
  session_required: 409,
  qr_not_available: 409,
  invalid_state: 409,
  idempotency_in_progress: 409,
  already_sent: 409,
  unknown_seq: 409,
  media_not_stored: 409,
  media_gone: 410,
  payload_too_large: 413,
  media_too_large: 413,
  unsupported_media_type: 415,
  range_not_satisfiable: 416,
  invalid_recipient: 422,
  not_on_whatsapp: 422,
  idempotency_key_reused: 422,
  webhook_limit_reached: 422,
  webhook_url_forbidden: 422,
  media_url_forbidden: 422,
  media_url_unreachable: 422,
  media_type_mismatch: 422,
  media_not_downloadable: 422,
  quoted_not_found: 422,
  recipient_opted_out: 422,
  session_limit_reached: 422,
  rate_limited: 429,
  daily_limit_reached: 429,
  pairing_limit_reached: 429,
  stream_limit_reached: 429,
  upgrade_required: 426,
  internal: 500,
  channel_cannot: 501,
  service_unavailable: 503,
  node_unavailable: 503,
  capacity_exhausted: 503,
  stale_epoch: 409,
} as const satisfies Record<string, number>;

export type ErrorCode = keyof typeof ERROR_STATUS;
export const ERROR_CODES = Object.keys(ERROR_STATUS) as [ErrorCode, ...ErrorCode[]];

/** What an API key may be allowed to do. */
export const SCOPES = [
  'messages:send',
  'messages:read',
  'sessions:manage',
  'media:manage',
  'webhooks:manage',
  'keys:manage',
  'automation:manage',
  'usage:read',
  'admin',
] as const;
export type Scope = (typeof SCOPES)[number];

/** `live` keys work on real sessions only, `test` keys on simulator sessions only. */
export const KEY_MODES = ['live', 'test'] as const;
export type KeyMode = (typeof KEY_MODES)[number];
