import { STATUS_CODES } from 'node:http';
import { ERROR_CODES, ERROR_STATUS, type ErrorCode } from '#contracts';

interface ProblemExample {
  detail: string;
  errors?: { path: string; message: string }[];
  outcome?: 'not_sent' | 'unknown';
}

const field = (detail: string, path: string, message: string): ProblemExample => ({
  detail,
  errors: [{ path, message }],
});

/** What an answer with each code says, for the document. */
const DETAILS: Record<ErrorCode, ProblemExample> = {
  invalid_request: field('the request is not valid: limit: must be a number', 'limit', 'must be a number'),
  invalid_json: { detail: 'the body is not valid JSON' },
  invalid_cursor: field(
    'the cursor is not one that this list gave for these filters',
    'cursor',
    'must be the nextCursor of the page before, with the same filters',
  ),
  invalid_multipart: field('the form has no file', 'file', 'is missing'),
  unauthenticated: { detail: 'a valid API key is required' },
  forbidden: { detail: 'this API key cannot be used from this address' },
  insufficient_scope: { detail: 'this needs an API key with the scope messages:send' },
  session_not_allowed: { detail: 'this API key is limited to other sessions' },
  wrong_key_mode: { detail: 'a test key works on simulator sessions only' },
  tenant_suspended: { detail: 'the operator suspended this tenant' },
  not_found: { detail: 'there is no such object' },
  method_not_allowed: { detail: 'this method is not allowed here' },
  name_taken: field('there is a session of this name', 'name', 'must not be in use'),
  session_not_connected: {
    detail: 'the session is logged out; link the phone again',
    outcome: 'not_sent',
  },
  session_already_linked: { detail: 'the session is linked to a phone already' },
  session_required: { detail: 'there are several sessions; name one in "session"' },
  qr_not_available: { detail: 'the browser is still starting; ask again, or with ?wait=20' },
  invalid_state: { detail: 'the object is in a state in which this cannot be done' },
  idempotency_in_progress: { detail: 'a request with this Idempotency-Key is still running' },
  already_sent: { detail: 'the message has left, or may have' },
  unknown_seq: field(
    'there is no event 48 yet: the newest is 42',
    'after',
    'must be at most 42, the seq of the newest event',
  ),
  media_not_stored: { detail: 'the file is not in the store: pending' },
  media_gone: { detail: 'the file was removed here and cannot be fetched again' },
  payload_too_large: { detail: 'the request body is larger than allowed' },
  media_too_large: { detail: 'the file is larger than its kind allows' },
  unsupported_media_type: { detail: 'this content type is not accepted here; send application/json' },
  range_not_satisfiable: { detail: 'the requested range is not in the object' },
  invalid_recipient: {
    ...field('to has too few digits', 'to', 'has too few digits'),
    outcome: 'not_sent',
  },
  not_on_whatsapp: { detail: 'the number is not on WhatsApp', outcome: 'not_sent' },
  idempotency_key_reused: { detail: 'this Idempotency-Key was used for a different request' },
  webhook_limit_reached: { detail: 'the tenant has as many webhooks as it can have' },
  webhook_url_forbidden: field('the URL cannot be used for a webhook', 'url', 'must be https'),
  media_url_forbidden: field(
    'the URL cannot be fetched',
    'media.url',
    'must lead to an address of the public internet',
  ),
  media_url_unreachable: { detail: 'the URL did not give the file in time' },
  media_type_mismatch: { detail: 'the bytes are not of the kind that type says' },
  media_not_downloadable: { detail: 'the message has no file that came from WhatsApp' },
  quoted_not_found: field('the quoted message is not one of this chat', 'quoted', 'must be of the same chat'),
  recipient_opted_out: {
    ...field('the recipient asked not to be written to', 'to', 'must not be of somebody who opted out'),
    outcome: 'not_sent',
  },
  session_limit_reached: { detail: 'the tenant has as many sessions as it can have' },
  rate_limited: { detail: 'requests of this API key: 6000 per minute; try again in 3 s' },
  daily_limit_reached: {
    ...field(
      "the tenant's daily message limit is reached; it starts anew at 00:00 UTC",
      'limit.tenant',
      'messages per UTC day',
    ),
    outcome: 'not_sent',
  },
  pairing_limit_reached: { detail: 'too many pairing codes were asked for; try again in 300 s' },
  stream_limit_reached: { detail: 'too many event streams are open; close one first' },
  upgrade_required: { detail: 'this path is for WebSocket clients; use /events/stream for others' },
  internal: { detail: 'something went wrong on our side; quote the request id when you report it' },
  channel_cannot: { detail: 'this channel has no such feature' },
  service_unavailable: { detail: 'the database is not available; try again', outcome: 'not_sent' },
  node_unavailable: {
    detail: 'the node that runs this session cannot be reached; try again',
    outcome: 'not_sent',
  },
  capacity_exhausted: { detail: 'all session-nodes are full', outcome: 'not_sent' },
  stale_epoch: { detail: 'this node no longer runs the session' },
};

/** `components.examples`: a whole answer for each error code. */
export const PROBLEM_EXAMPLES = Object.fromEntries(
  ERROR_CODES.map((code) => {
    const { detail, errors, outcome } = DETAILS[code];
    const status = ERROR_STATUS[code];
    const value = {
      type: `urn:wagate:problem:${code}`,
      title: STATUS_CODES[status] ?? 'Error',
      status,
      detail,
      code,
      requestId: 'req_01k2m3n4p5q6r7s8t9v0w1x2y3',
      ...(errors ? { errors } : {}),
      ...(outcome ? { outcome } : {}),
    };
    return [code, { value }];
  }),
);
