import { applyDecorators } from '@nestjs/common';
import { ApiExtraModels, ApiOkResponse } from '@nestjs/swagger';
import type { ErrorCode } from '#contracts';
import type { OperationOptions } from '../http/index.js';
import { MessageDto, MessagePageDto, type MessageResource } from './message-resource.js';
import { DryRunDto, MESSAGE_EXAMPLE, type DryRun } from './messages.dto.js';

/** The message of MESSAGE_EXAMPLE after it arrived. */
export const DELIVERED_EXAMPLE: MessageResource = {
  ...MESSAGE_EXAMPLE,
  status: 'delivered',
  ack: 2,
  waMessageId: '3EB0C431C26A1916E07A',
  attempts: 1,
  occurredAt: '2026-01-01T09:40:01.000Z',
  sentAt: '2026-01-01T09:40:01.000Z',
  deliveredAt: '2026-01-01T09:40:03.000Z',
};
/** A message that came in, whose file is fetched again. */
export const DOWNLOADING_EXAMPLE: MessageResource = {
  ...MESSAGE_EXAMPLE,
  direction: 'in',
  origin: 'contact',
  from: MESSAGE_EXAMPLE.to,
  to: MESSAGE_EXAMPLE.from,
  type: 'image',
  text: null,
  media: {
    id: 'med_01kb6x2vb8c7j0m4qf5t9wz3ye',
    state: 'pending',
    mimeType: 'image/jpeg',
    filename: null,
    size: 48_213,
    sha256: null,
    url: null,
    error: 'download_failed',
  },
  status: 'received',
  waMessageId: '3EB0C431C26A1916E07A',
  clientRef: null,
  expiresAt: null,
};
const DRY_RUN_EXAMPLE: DryRun = {
  dryRun: true,
  session: { id: 'ses_01kb6x2vb8c7j0m4qf5t9wz3ye', name: 'support', state: 'connected', paused: null },
  to: { id: '4915112345678@c.us', kind: 'person', phone: '4915112345678' },
  onWhatsApp: true,
  quota: { tenantRemaining: 9_872, sessionRemaining: null },
  queued: 0,
  eta: null,
  expiresFirst: false,
};

export const SEND_ACCEPTED: OperationOptions['answer'] = {
  status: 202,
  type: MessageDto,
  example: MESSAGE_EXAMPLE,
  description: 'Accepted durably',
  located: true,
};

/** Documents the 200 of the send routes: a message with `wait`, what would happen with `dryRun`. */
export function SendAnswered(): MethodDecorator {
  const content = {
    schema: { oneOf: ['Message', 'DryRun'].map((name) => ({ $ref: `#/components/schemas/${name}` })) },
    examples: {
      wait: {
        summary: 'With `wait`: it came that far, ended, or nobody can tell (`unknown`)',
        value: DELIVERED_EXAMPLE,
      },
      dryRun: { summary: 'With `dryRun`: what would happen', value: DRY_RUN_EXAMPLE },
    },
  };
  return applyDecorators(
    ApiExtraModels(MessageDto.Output, DryRunDto.Output),
    ApiOkResponse({
      description:
        'With `wait`: the message came that far, ended, or is `unknown`; look at its `status`. With `dryRun`: what would happen; nothing was accepted',
      content: { 'application/json': content },
    }),
  );
}

export const MESSAGES_LISTED: OperationOptions = {
  summary: 'List messages',
  description:
    'In and out, of the sessions that the key may use; newest first: with `from` or `to` by `occurredAt`, else in the ' +
    'order in which they were accepted or came in.',
  idempotent: 'safe',
  answer: { status: 200, type: MessagePageDto, example: { data: [DELIVERED_EXAMPLE], nextCursor: null } },
  problems: ['invalid_cursor', 'invalid_recipient', 'not_found', 'session_not_allowed', 'wrong_key_mode'],
};

/** Codes that sending can answer, beside those of every operation. */
export const SEND_PROBLEMS: ErrorCode[] = [
  'invalid_recipient',
  'session_required',
  'session_not_connected',
  'session_not_allowed',
  'wrong_key_mode',
  'not_found',
  'quoted_not_found',
  'recipient_opted_out',
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

With \`?wait=sent\` or \`?wait=delivered\` the answer is held for up to 30 seconds: **200** when the message came that far,
when it ended otherwise, and when its status is \`unknown\` (it may have left; it is looked up, and may still become \`sent\`), so look
at \`status\`; **202** when it is still on its way. With \`?dryRun=true\` everything is checked and nothing is sent (**200**, with \`session\` (\`paused\` too), \`to\`, \`onWhatsApp\`, \`quota\`, \`queued\`, and \`eta\` and \`expiresFirst\` as a message has them); an \`Idempotency-Key\` is neither taken nor looked up then.

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
