import { createZodDto } from 'nestjs-zod';
import { z } from 'zod';
import { mediaIdSchema, messageIdSchema, SENDABLE_TYPES } from '#contracts';
import { plainText } from '../http/index.js';
import { sessionReferenceSchema } from '../sessions/index.js';

const LONGEST_TEXT = 65_536;
/** Larger files come as multipart or by URL: a JSON body is at most 1 MiB. */
const LONGEST_BASE64 = 1024 * 1024;
const MOST_METADATA = 50;

const filename = plainText(255).refine((name) => name.trim().length > 0, 'must not be empty');
const sessionReference = sessionReferenceSchema.describe(
  'Id or name of a session; may be left out when there is only one',
);
const recipient = z
  .string()
  .min(1)
  .max(100)
  .describe('Phone number (E.164, + optional) or WhatsApp chat id (`…@c.us`, `…@g.us`, `…@lid`)');

const mediaSourceSchema = z
  .strictObject({
    mediaId: mediaIdSchema.optional().describe('A file uploaded before'),
    url: z
      .string()
      .min(1)
      .max(2_048)
      .optional()
      .describe('A file on the public internet, fetched before the answer'),
    base64: z.string().min(1).max(LONGEST_BASE64).optional().describe('A small file in the request'),
    filename: filename.optional(),
    mimeType: z
      .string()
      .max(255)
      .regex(/^[\w.+-]+\/[\w.+-]+( *;.*)?$/, 'must be a media type such as image/png')
      .optional()
      .describe('A hint; the type is found from the bytes'),
  })
  .refine(
    ({ mediaId, url, base64 }) => [mediaId, url, base64].filter((given) => given !== undefined).length === 1,
    'must hold exactly one of mediaId, url and base64',
  );
export type MediaSourceRequest = z.infer<typeof mediaSourceSchema>;

const metadataSchema = z
  .record(plainText(64).min(1), z.union([plainText(1_024), z.number(), z.boolean(), z.null()]))
  .refine(
    (metadata) => Object.keys(metadata).length <= MOST_METADATA,
    `must have at most ${String(MOST_METADATA)} entries`,
  );

const optionsShape = {
  session: sessionReference.optional(),
  to: recipient,
  quoted: messageIdSchema.optional().describe('The message this one answers, of the same chat'),
  linkPreview: z.boolean().default(false).describe('Lets WhatsApp Web fetch the first link of the text'),
  typing: z
    .boolean()
    .optional()
    .describe(
      'The chat shows "typing" for a moment before it, 8 seconds at most; as the session says unless told',
    ),
  expiresAt: z.iso
    .datetime({ offset: true })
    .optional()
    .describe('Not sent after this; 24 hours from now unless told, at most 30 days'),
  priority: z
    .int()
    .min(0)
    .max(9)
    .default(0)
    .describe('Higher ones leave first; they overtake, and keep to the pacing all the same'),
  clientRef: plainText(255).min(1).optional().describe('Your own reference; shown, not interpreted'),
  metadata: metadataSchema.optional(),
};

/** Body of `POST /messages`. */
export const sendMessageSchema = z
  .strictObject({
    ...optionsShape,
    type: z.enum(SENDABLE_TYPES),
    text: plainText(LONGEST_TEXT).optional().describe('For type text'),
    media: mediaSourceSchema.optional().describe('For every other type'),
    caption: plainText(LONGEST_TEXT).optional(),
    filename: filename.optional().describe('Shown to the recipient of a document'),
  })
  .superRefine((body, context) => {
    const isText = body.type === 'text';
    const refuse = (path: string, message: string) => {
      context.addIssue({ code: 'custom', path: [path], message });
    };
    if (isText && (body.text === undefined || body.text.trim() === ''))
      refuse('text', 'must not be empty for type text');
    if (!isText && body.text !== undefined) refuse('text', `is not for type ${body.type}; use caption`);
    if (!isText && body.media === undefined) refuse('media', `is needed for type ${body.type}`);
    if (isText && body.media !== undefined) refuse('media', 'is not for type text');
    const captioned = body.type === 'image' || body.type === 'video' || body.type === 'document';
    if (!captioned && body.caption !== undefined) refuse('caption', `is not for type ${body.type}`);
    if (isText && body.filename !== undefined) refuse('filename', 'is not for type text');
  })
  .meta({ example: { to: '+4915112345678', type: 'text', text: 'Your order has left our warehouse.' } });
export type SendMessageRequest = z.infer<typeof sendMessageSchema>;
export class SendMessageDto extends createZodDto(sendMessageSchema) {}

/** `to` and `recipient` are one field; existing clients use either name. */
const eitherRecipient = {
  to: recipient.optional(),
  recipient: recipient.optional().describe('The same as `to`'),
};
const oneRecipient = ({
  to,
  recipient: other,
}: {
  to?: string | undefined;
  recipient?: string | undefined;
}) => (to === undefined) !== (other === undefined);
const ONE_RECIPIENT = { path: ['to'], message: 'must be given once, as to or as recipient' };

/** Body of `POST /messages/send-text`. */
export const sendTextSchema = z
  .strictObject({
    session: sessionReference.optional(),
    ...eitherRecipient,
    message: plainText(LONGEST_TEXT).refine((text) => text.trim() !== '', 'must not be empty'),
  })
  .refine(oneRecipient, ONE_RECIPIENT)
  .meta({ example: { to: '+4915112345678', message: 'Your order has left our warehouse.' } });
export type SendTextRequest = z.infer<typeof sendTextSchema>;
export class SendTextDto extends createZodDto(sendTextSchema) {}

const sendMediaShape = {
  session: sessionReference.optional(),
  ...eitherRecipient,
  caption: plainText(LONGEST_TEXT).optional(),
  type: z.enum(SENDABLE_TYPES).exclude(['text']).optional().describe('Found from the file unless told'),
  filename: filename.optional(),
};

/** JSON body of `POST /messages/send-media`. */
export const sendMediaSchema = z
  .strictObject({ ...sendMediaShape, url: z.string().min(1).max(2_048) })
  .refine(oneRecipient, ONE_RECIPIENT);

export type SendMediaRequest = z.infer<typeof sendMediaSchema>;

/** Fields beside the file of a multipart `POST /messages/send-media`. */
export const sendMediaFieldsSchema = z.strictObject(sendMediaShape).refine(oneRecipient, ONE_RECIPIENT);

const flagSchema = z.enum(['true', 'false']).transform((value) => value === 'true');

/** Query of `POST /messages` and its short forms. */
export const sendQuerySchema = z.strictObject({
  wait: z
    .enum(['sent', 'delivered'])
    .optional()
    .describe(
      'Hold the answer until then, at most 30 seconds; less when the message ends otherwise or becomes `unknown`',
    ),
  dryRun: flagSchema.optional().describe('Check everything, send nothing'),
});
export class SendQueryDto extends createZodDto(sendQuerySchema) {}
export type SendQuery = z.infer<typeof sendQuerySchema>;

export interface SendOptions extends SendQuery {
  /** Aborted when nobody waits for the answer any more. */
  hungUp?: AbortSignal;
}
