import { createHmac, randomBytes } from 'node:crypto';

/** Standard Webhooks 1.0 asks for 24 to 64 bytes (github.com/standard-webhooks/standard-webhooks, spec). */
const SECRET_BYTES = 32;
const SECRET_PREFIX = 'whsec_';

export interface SignedContent {
  /** Id of the event: the same on every attempt. */
  id: string;
  /** Unix seconds of this attempt. */
  timestamp: number;
  /** The body, byte for byte. */
  body: string;
}

/** A new signing secret: `whsec_` and 32 random bytes in base64. */
export function newWebhookSecret(): string {
  return SECRET_PREFIX + randomBytes(SECRET_BYTES).toString('base64');
}

/** The three headers of Standard Webhooks 1.0; one signature for each secret, the newest first. */
export function signatureHeaders(secrets: readonly string[], content: SignedContent): Record<string, string> {
  const signed = `${content.id}.${String(content.timestamp)}.${content.body}`;
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.slice(SECRET_PREFIX.length), 'base64');
    return `v1,${createHmac('sha256', key).update(signed).digest('base64')}`;
  });
  return {
    'webhook-id': content.id,
    'webhook-timestamp': String(content.timestamp),
    'webhook-signature': signatures.join(' '),
  };
}
