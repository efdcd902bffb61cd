import type { ErrorCode } from '#contracts';

/** Codes that sending can answer, beside those of every operation. */
export const SEND_PROBLEMS: ErrorCode[] = [
  'invalid_recipient',
  'session_required',
  'session_not_connected',
  'session_not_allowed',
  'wrong_key_mode',
  'not_found',
  'quoted_not_found',
  'idempotency_key_reused',
  'idempotency_in_progress',
  'daily_limit_reached',
  'media_not_stored',
  'media_too_large',
  'media_type_mismatch',
  'media_url_forbidden',
  'media_url_unreachable',
];

export const SEND_DESCRIPTION = `Accepts a message and answers **202** once it is stored durably; it then leaves in the order of
its chat. Whatever happens afterwards, it ends as \`sent\` (and further), \`failed\`, \`expired\`, \`cancelled\` or, when nobody can
tell, \`unknown_final\`; it is handed to WhatsApp at most once.

With \`?wait=sent\` or \`?wait=delivered\` the answer is held for up to 30 seconds: **200** when the message came that far or
ended, **202** when it is still on its way. With \`?dryRun=true\` everything is checked and nothing is sent (**200**, with \`session\`, \`to\`, \`onWhatsApp\`, \`quota\`, \`queued\`, and \`eta\` and \`expiresFirst\` as a message has them).

An accepted message counts towards the daily caps.`;

export const SEND_MEDIA_DESCRIPTION = `As \`multipart/form-data\` with the part \`file\`, or as JSON with a \`url\`. The recipient is
\`to\` or \`recipient\`. Without a \`type\` the file decides: image, video, audio or document.`;

const text = (description: string) => ({ type: 'string' as const, description });

export const MEDIA_FORM = {
  type: 'object' as const,
  properties: {
    session: text('Id or name of a session; may be left out when there is only one'),
    to: text('Phone number or chat id'),
    recipient: text('The same as `to`'),
    caption: text('Not for audio'),
    type: { type: 'string' as const, enum: ['image', 'video', 'audio', 'voice', 'document'] },
    filename: text('Shown to the recipient of a document'),
    url: text('JSON only: a file on the public internet'),
    file: { type: 'string' as const, format: 'binary', description: 'Multipart only' },
  },
  additionalProperties: false,
  example: { to: '+4915112345678', caption: 'Invoice 4711', url: 'https://example.com/invoice-4711.pdf' },
};
