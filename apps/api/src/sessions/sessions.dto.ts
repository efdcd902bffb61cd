import { createZodDto } from 'nestjs-zod';
import { z } from 'zod';
import { NODE_COMMANDS, pacingSchema, qrSchema, sessionModeSchema, sessionNameSchema } from '#contracts';
import { pageQuerySchema, pageSchema } from '../http/index.js';
import { phoneSchema } from '../phones/index.js';
import { sessionReferenceSchema } from './session-reference.js';
import { sessionSchema, SESSION_STATUSES } from './session-view.js';

/** Words that stand where a session's name would in a path. */
const RESERVED = ['init', 'status', 'disconnect'];
const nameSchema = sessionNameSchema.refine(
  (name) => !RESERVED.includes(name),
  `must not be ${RESERVED.join(', ')}`,
);
const limitSchema = z
  .int()
  .min(0)
  .max(2_147_483_647)
  .nullable()
  .describe('Messages per UTC day; null: the default of the tenant');

const pacingField = pacingSchema
  .nullable()
  .describe('How fast it hands messages over; `{}`: as fast as it can; null: the default of the operator');
const strictOrderField = z
  .boolean()
  .describe('A chat waits behind a message of unknown fate until that is known, not for a minute only');
const typingField = z.boolean().describe('Shows "typing" for a moment before each message');

export class SessionDto extends createZodDto(sessionSchema) {}
export class SessionPageDto extends createZodDto(pageSchema(sessionSchema).meta({ id: 'SessionPage' })) {}
export class ListSessionsQuery extends createZodDto(pageQuerySchema) {}

export class SessionParams extends createZodDto(z.strictObject({ session: sessionReferenceSchema })) {}

export class CreateSessionDto extends createZodDto(
  z
    .strictObject({
      name: nameSchema.optional().describe('Tenant-unique; one is made up when it is left out'),
      mode: sessionModeSchema.optional().describe('The mode of the key when it is left out'),
      dailyMessageLimit: limitSchema.optional(),
      pacing: pacingField.optional(),
      typing: typingField.optional(),
      strictOrder: strictOrderField.optional(),
    })
    .prefault({})
    .meta({ id: 'CreateSession', example: { name: 'support' } }),
) {}

export class ChangeSessionDto extends createZodDto(
  z
    .strictObject({
      name: nameSchema.optional(),
      dailyMessageLimit: limitSchema.optional(),
      pacing: pacingField.optional(),
      typing: typingField.optional(),
      strictOrder: strictOrderField.optional(),
    })
    .refine((change) => Object.keys(change).length > 0, 'must change something')
    .meta({ id: 'ChangeSession', example: { dailyMessageLimit: 500 } }),
) {}

const waitSchema = z.coerce
  .number()
  .int()
  .min(0)
  .max(30)
  .describe('Seconds to wait for a QR code, when there is none yet; at most 30');

export const QR_FORMATS = ['json', 'png', 'svg', 'terminal'] as const;
export type QrFormat = (typeof QR_FORMATS)[number];

export class QrQuery extends createZodDto(
  z.strictObject({
    format: z.enum(QR_FORMATS).default('json').describe('`terminal` is text with ANSI colours'),
    wait: waitSchema.default(0),
  }),
) {}

const qrViewSchema = qrSchema
  .extend({
    qr: qrSchema.shape.qr.describe('The string that the phone scans. A secret: whoever scans it is linked'),
    dataUrl: z.string().describe('The QR code as a PNG image in a data: URL'),
    attempt: qrSchema.shape.attempt.describe('1 for the first QR code since the start'),
  })
  .meta({ id: 'SessionQr' });
export type QrView = z.infer<typeof qrViewSchema>;
export class QrDto extends createZodDto(qrViewSchema) {}

export class PairingCodeRequest extends createZodDto(
  z
    .strictObject({ phone: phoneSchema.describe('Number of the phone that will be linked') })
    .meta({ id: 'PairingCodeRequest', example: { phone: '+4915112345678' } }),
) {}
export class PairingCodeDto extends createZodDto(
  z.object({ code: z.string().describe('To be entered on the phone. A secret') }).meta({ id: 'PairingCode' }),
) {}

const nodeDiagnostics = NODE_COMMANDS['session.diagnostics'].response.omit({
  snapshot: true,
  browserPid: true,
});
const { shape: told } = nodeDiagnostics;
const diagnosticsSchema = nodeDiagnostics
  .extend({
    waVersion: told.waVersion.describe('Version of WhatsApp Web; null while no page is loaded'),
    shims: told.shims.describe(
      'Corrections of WhatsApp Web by this version, and whether the page needed each',
    ),
    brokenContracts: told.brokenContracts.describe(
      'Parts of WhatsApp Web that this version needs and the page does not have; with any of them sends are held',
    ),
    lastProbe: told.lastProbe.describe(
      'The last look whether the page answers: when, with what result, in how many ms',
    ),
    lastInboundAt: told.lastInboundAt.describe('When a message last came in'),
    lastAckAt: told.lastAckAt.describe('When WhatsApp last acknowledged a message'),
    restartsLastHour: told.restartsLastHour.describe(
      'Starts of the browser after failures, within the last hour',
    ),
    memoryBytes: told.memoryBytes.describe(
      'Memory of its browser (PSS of all its processes); null: none runs',
    ),
    sandbox: told.sandbox.describe('Whether its browser runs in the sandbox of Chromium'),
    quarantinedEvents: told.quarantinedEvents.describe(
      'What the node set aside because it could not be read or was refused, by its own count',
    ),
    pendingEvents: told.pendingEvents.describe('Facts that the node has still to hand over to the api'),
    session: sessionSchema,
    queue: z.object({
      queued: z.int().describe('Messages that wait to be sent'),
      oldestSeconds: z.number().nullable().describe('Age of the oldest of them'),
    }),
    quarantine: z
      .object({
        since: z.iso.datetime().nullable().describe('When the node began to count'),
        noKey: z.int().describe('Messages whose WhatsApp key could not be read'),
        unreadable: z.int().describe('Messages in a form that this version does not know'),
        refused: z.int().describe('Facts of the node that were refused'),
        notStored: z.int().describe('Facts that could not be stored'),
      })
      .describe('What came in and could not be taken in: counted and kept, not dropped'),
  })
  .meta({ id: 'SessionDiagnostics' });
export type DiagnosticsView = z.infer<typeof diagnosticsSchema>;
export class DiagnosticsDto extends createZodDto(diagnosticsSchema) {}

export class InitSessionDto extends createZodDto(
  z
    .strictObject({
      session: sessionReferenceSchema.optional().describe('Id or name of a session that exists'),
      name: nameSchema.optional().describe('Name of a session that is created unless it exists'),
      wait: waitSchema.default(20),
    })
    .refine(({ session, name }) => session === undefined || name === undefined, {
      path: ['name'],
      message: 'must be left out when session is given',
    })
    .prefault({})
    .meta({ id: 'InitSession', example: { name: 'support' } }),
) {}
const initializedSchema = z
  .object({
    session: sessionSchema,
    qr: qrViewSchema.nullable().describe('null when there is nothing to scan (yet)'),
  })
  .meta({ id: 'InitializedSession' });
export type InitializedSession = z.infer<typeof initializedSchema>;
export class InitializedSessionDto extends createZodDto(initializedSchema) {}

export class SessionReferenceQuery extends createZodDto(
  z.strictObject({ session: sessionReferenceSchema.optional() }),
) {}
export class DisconnectDto extends createZodDto(
  z
    .strictObject({ session: sessionReferenceSchema.optional() })
    .prefault({})
    .meta({ id: 'DisconnectSession', example: { session: 'support' } }),
) {}

const statusSchema = z
  .object({ status: z.enum(SESSION_STATUSES), session: sessionSchema })
  .meta({ id: 'SessionStatus' });
export type StatusView = z.infer<typeof statusSchema>;
export class SessionStatusDto extends createZodDto(statusSchema) {}
