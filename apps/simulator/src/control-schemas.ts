import { z } from 'zod';
import { GROUP_CHANGES } from './network/group-changes.js';
import { PERSONAS } from './network/records.js';
import { FAULT_KINDS } from './wire.js';

const phone = z.string().min(1).max(20);
const id = z
  .string()
  .regex(/^[\w.@:-]{1,128}$/, 'an id is 1 to 128 letters, digits, dots, dashes, colons or underscores');

export const accountBody = z.strictObject({
  phone,
  name: z.string().trim().min(1).max(100),
  persona: z.enum(PERSONAS).optional(),
  lidOnly: z.boolean().optional(),
});

export const groupBody = z.strictObject({
  subject: z.string().trim().min(1).max(100),
  members: z.array(phone).min(1).max(1024),
});

export const groupChangeBody = z.strictObject({
  change: z.enum(GROUP_CHANGES),
  by: phone,
  members: z.array(phone).max(1024).default([]),
  value: z.string().min(1).max(2_048).optional(),
});

export const callBody = z.strictObject({
  from: phone,
  to: z.string().min(1).max(64),
  isVideo: z.boolean().default(false),
  id: id.optional(),
});

export const scanBody = z.strictObject({ qr: z.string().min(1).max(2_000), phone });
export const pairBody = z.strictObject({ code: z.string().min(1).max(20), phone });

export const messageBody = z.strictObject({
  from: phone,
  to: z.string().min(1).max(64),
  type: z.enum(['text', 'image', 'video', 'audio', 'voice', 'document', 'poll']),
  body: z.string().max(65_536).optional(),
  media: z
    .strictObject({
      base64: z.base64().min(1),
      mimeType: z.string().regex(/^[\w.+-]+\/[\w.+-]+(;.*)?$/, 'a MIME type, as image/png'),
      filename: z.string().min(1).max(255).optional(),
    })
    .optional(),
  choices: z.array(z.string().min(1).max(100)).min(2).max(12).optional(),
  quotedId: id.optional(),
  id: id.optional(),
  address: z.enum(['lid', 'phone']).optional(),
  decryptedAfterMs: z.int().min(0).max(3_600_000).optional(),
});

export const ackBody = z.strictObject({ ack: z.int().min(-1).max(4), by: phone.optional() });
export const editBody = z.strictObject({ body: z.string().min(1).max(65_536) });
export const revokeBody = z.strictObject({ by: phone.optional() });
export const forgetBody = z.strictObject({
  chat: z.string().min(1).max(64),
  keep: z.int().min(0).max(100_000),
});
export const reactBody = z.strictObject({ from: phone, emoji: z.string().max(16) });
export const voteBody = z.strictObject({ from: phone, choices: z.array(z.string().max(100)).max(12) });
export const emptyBody = z.strictObject({});
export const dropBody = z.strictObject({ forMs: z.int().min(0).max(3_600_000).default(0) });

export const stateBody = z.strictObject({
  state: z.enum([
    'CONFLICT',
    'CONNECTED',
    'DEPRECATED_VERSION',
    'OPENING',
    'PAIRING',
    'PROXYBLOCK',
    'SMB_TOS_BLOCK',
    'TIMEOUT',
    'TOS_BLOCK',
    'UNLAUNCHED',
    'UNPAIRED',
    'UNPAIRED_IDLE',
  ]),
});

export const profileBody = z.strictObject({ profile: z.enum(['classic', '2026-09']) });

export const faultBody = z.strictObject({
  kind: z.enum(FAULT_KINDS),
  phone: phone.optional(),
  times: z.int().min(1).max(1_000_000).optional(),
  when: z.enum(['now', 'send', 'afterHandOver']).optional(),
  ms: z.int().min(0).max(3_600_000).optional(),
  status: z.int().min(400).max(599).optional(),
  name: z.string().min(1).max(200).optional(),
  body: z.string().max(65_536).optional(),
  bytes: z.int().min(0).max(10_000_000_000).optional(),
});

export const faultsBody = z.strictObject({ faults: z.array(faultBody).max(100) });

export const listQuery = z.strictObject({
  from: z.string().optional(),
  to: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(100_000).optional(),
});

export const loginsQuery = z.strictObject({ svg: z.enum(['0', '1']).optional() });
