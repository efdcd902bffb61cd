/**
 * How internal requests are signed. Headers: timestamp (Unix seconds), nonce (22 base64url characters) and
 * `v1=` + hex HMAC-SHA256 over `method \n path \n sha256-hex(body) \n timestamp \n nonce`.
 * A receiver refuses a timestamp more than 30 s off and a nonce it has seen within that time.
 */
export const SIGNATURE_HEADERS = {
  timestamp: 'x-wagate-timestamp',
  nonce: 'x-wagate-nonce',
  signature: 'x-wagate-signature',
} as const;
export const SIGNATURE_MAX_SKEW_SECONDS = 30;
/** Secrets shorter than this are refused at boot. */
export const INTERNAL_SECRET_MIN_BYTES = 32;
