import { z } from 'zod';
import { ERROR_CODES } from './error-codes.js';
import { sessionIdSchema, tenantIdSchema } from './ids.js';
import { ackSchema, messageContentSchema } from './message.js';
import { nodeFactSchema } from './node-facts.js';
import { LONGEST_TYPING_MS } from './pacing.js';
import { sessionModeSchema, sessionSnapshotSchema } from './session.js';

/**
 * The internal protocol between api and session-node. `POST /internal/commands/{name}` on the node,
 * `POST /internal/events` and `POST /internal/nodes/heartbeat` on the api; all signed, both sides parse.
 */

/** Names the session a command is for. A node refuses an epoch lower than the highest it has seen (`stale_epoch`). */
export const sessionAddressSchema = z.object({
  tenantId: tenantIdSchema,
  sessionId: sessionIdSchema,
  epoch: z.int().positive(),
});
export type SessionAddress = z.infer<typeof sessionAddressSchema>;

const snapshotAnswer = z.object({ snapshot: sessionSnapshotSchema });

/** A file in the object store that the node sends, or stores what it downloads as. */
export const storedObjectSchema = z.object({
  objectKey: z.string().regex(/^t\/tnt_[0-9a-z]+\/[A-Za-z0-9._/-]+$/),
});

export const qrSchema = z.object({
  /** The string that the phone scans. A secret. */
  qr: z.string(),
  expiresAt: z.iso.datetime(),
  /** 1 for the first QR of this start. */
  attempt: z.int().positive(),
});

/** From this size on a file counts as large: a node lets one at a time through, as each costs several times its size. */
export const LARGE_TRANSFER_BYTES = 8 * 1024 * 1024;

/** How far a send came. Only `not_sent` may be tried again. */
export const sendOutcomeSchema = z.discriminatedUnion('outcome', [
  z.object({
    outcome: z.literal('handed'),
    waKey: z.string(),
    /** The chat the message stands in, canonical. */
    chatId: z.string(),
    ack: ackSchema,
    timestamp: z.iso.datetime(),
  }),
  z.object({
    outcome: z.literal('not_sent'),
    /**
     * `retry`: trying again may help (page gone, not connected); otherwise the reason is final. `page_gone`: the page was
     * not there; `page_crashed`: it died while this message was prepared in it; `transfer_busy`: the large files of others
     * took so long that this one's turn did not come.
     */
    retry: z.boolean(),
    code: z.enum([
      'not_on_whatsapp',
      'session_not_connected',
      'media_unavailable',
      'quoted_not_found',
      'contract_broken',
      'rejected',
      'page_gone',
      'page_crashed',
      'busy',
      'transfer_busy',
      'expired',
    ]),
    reason: z.string().max(500),
  }),
  z.object({ outcome: z.literal('unknown'), reason: z.string().max(500) }),
]);
export type SendOutcome = z.infer<typeof sendOutcomeSchema>;

export const NODE_COMMANDS = {
  'session.start': {
    request: sessionAddressSchema.extend({ mode: sessionModeSchema }),
    response: snapshotAnswer,
  },
  'session.stop': { request: sessionAddressSchema, response: snapshotAnswer },
  'session.restart': {
    request: sessionAddressSchema.extend({ mode: sessionModeSchema }),
    response: snapshotAnswer,
  },
  /** Unlinks at WhatsApp when it can, then deletes the profile. */
  'session.logout': { request: sessionAddressSchema, response: snapshotAnswer },
  /** Stops, deletes the profile, forgets the session. */
  'session.delete': { request: sessionAddressSchema, response: z.object({}) },
  /** Waits up to waitMs for a QR; null when there is none (connected, not started). */
  'session.qr': {
    request: sessionAddressSchema.extend({ waitMs: z.int().min(0).max(30_000) }),
    response: z.object({ snapshot: sessionSnapshotSchema, qr: qrSchema.nullable() }),
  },
  'session.pairing-code': {
    request: sessionAddressSchema.extend({ phone: z.string().regex(/^\d{7,15}$/) }),
    response: z.object({ code: z.string() }),
  },
  'session.diagnostics': {
    request: sessionAddressSchema,
    response: z.object({
      snapshot: sessionSnapshotSchema,
      waVersion: z.string().nullable(),
      shims: z.array(z.object({ name: z.string(), state: z.enum(['active', 'not_needed']) })),
      brokenContracts: z.array(z.string()),
      lastProbe: z.object({ at: z.iso.datetime(), ok: z.boolean(), ms: z.number() }).nullable(),
      lastInboundAt: z.iso.datetime().nullable(),
      lastAckAt: z.iso.datetime().nullable(),
      restartsLastHour: z.int(),
      browserPid: z.int().nullable(),
      /** PSS of the session's process tree, bytes. */
      memoryBytes: z.int().nullable(),
      sandbox: z.boolean(),
      quarantinedEvents: z.int(),
      pendingEvents: z.int(),
    }),
  },
  'message.send': {
    request: sessionAddressSchema.extend({
      messageId: z.string(),
      /** The bare WhatsApp id this message gets, chosen and committed before (upper-case hex, `3EB0…`). */
      waMessageId: z.string().regex(/^3EB0[0-9A-F]{16,28}$/),
      /** `…@c.us`, `…@lid` or `…@g.us`. */
      chatId: z.string(),
      content: messageContentSchema,
      media: storedObjectSchema.nullable(),
      quotedWaKey: z.string().nullable(),
      linkPreview: z.boolean(),
      /** Boot of the node that it is meant for, and no other's to send. */
      nodeBootId: z.string().optional(),
      /** After so long, from its arrival on, it is not handed over any more: `expired`. A stretch, as clocks differ. */
      expiresInMs: z.number().nonnegative().optional(),
      /** The chat shows "typing" for so long before the hand-over. */
      typingMs: z.int().min(0).max(LONGEST_TYPING_MS).optional(),
    }),
    response: sendOutcomeSchema,
  },
  /** Looks for messages that were sent with a known id, under phone and LID form of the chat. */
  'message.lookup': {
    request: sessionAddressSchema.extend({
      messages: z
        .array(
          z.object({
            waMessageId: z.string(),
            chatId: z.string(),
            /** Boot of the node that the attempt's `message.send` was meant for. */
            nodeBootId: z.string(),
          }),
        )
        .max(200),
    }),
    response: z.object({
      found: z.array(
        z.object({ waMessageId: z.string(), waKey: z.string(), ack: ackSchema, timestamp: z.iso.datetime() }),
      ),
      /**
       * Of those not found: ids of which this node proves, for the boot named, that it never started a send, and
       * promises that it never will: a `message.send` with such an id that arrives late is refused. What it cannot
       * prove (another boot, forgotten) it leaves out.
       */
      neverStarted: z.array(z.string()),
    }),
  },
  /** Downloads a message's media in the page, checks WhatsApp's hash and stores it under objectKey. */
  'media.download': {
    request: sessionAddressSchema.extend({
      waKey: z.string(),
      objectKey: storedObjectSchema.shape.objectKey,
      maxBytes: z.int().positive(),
    }),
    response: z.discriminatedUnion('outcome', [
      z.object({
        outcome: z.literal('stored'),
        size: z.int(),
        sha256: z.string(),
        mimeType: z.string(),
        filename: z.string().nullable(),
      }),
      z.object({ outcome: z.literal('gone'), reason: z.string() }),
      z.object({
        outcome: z.literal('failed'),
        retry: z.boolean(),
        reason: z.enum([
          'too_large',
          'hash_mismatch',
          'download_failed',
          'store_unavailable',
          'session_not_connected',
        ]),
      }),
    ]),
  },
  'number.check': {
    request: sessionAddressSchema.extend({
      phones: z
        .array(z.string().regex(/^\d{7,15}$/))
        .min(1)
        .max(20),
    }),
    response: z.object({
      results: z.array(
        z.object({
          phone: z.string(),
          exists: z.boolean(),
          waId: z.string().nullable(),
          lid: z.string().nullable(),
        }),
      ),
    }),
  },
} as const;

export type NodeCommand = keyof typeof NODE_COMMANDS;
export type NodeRequest<C extends NodeCommand> = z.infer<(typeof NODE_COMMANDS)[C]['request']>;
export type NodeResponse<C extends NodeCommand> = z.infer<(typeof NODE_COMMANDS)[C]['response']>;

/** A refused command: HTTP status of the code, this body. */
export const nodeProblemSchema = z.object({
  code: z.enum(ERROR_CODES),
  message: z.string(),
  outcome: z.enum(['not_sent', 'unknown']).optional(),
});

export const nodeEventSchema = sessionAddressSchema.extend({ fact: nodeFactSchema });
export type NodeEvent = z.infer<typeof nodeEventSchema>;

export const eventBatchSchema = z.object({
  nodeName: z.string(),
  events: z.array(nodeEventSchema).min(1).max(500),
});
/**
 * Sessions whose events were refused because another epoch owns them; the node closes those. `staleEpochs` names, in
 * the same order, the epoch that was refused: a node that runs the session under a later one by now leaves it alone.
 */
export const eventBatchAnswerSchema = z.object({
  staleSessions: z.array(sessionIdSchema),
  staleEpochs: z.array(z.int().positive()).optional(),
});

/** A node says that it lives, every few seconds, and learns which sessions are its own. */
export const heartbeatSchema = z.object({
  name: z.string().regex(/^[a-z0-9][a-z0-9.-]{0,62}$/),
  /** Where the api reaches this node. */
  url: z.url(),
  capacity: z.int().positive(),
  /** Changes at every boot of the node. */
  bootId: z.string(),
  sandbox: z.boolean(),
  sessions: z.array(sessionAddressSchema.extend({ snapshot: sessionSnapshotSchema })),
});
export type Heartbeat = z.infer<typeof heartbeatSchema>;
export const heartbeatAnswerSchema = z.object({
  /** Sessions placed on this node. `running: false` ones are kept stopped, their profile stays. */
  sessions: z.array(sessionAddressSchema.extend({ mode: sessionModeSchema, running: z.boolean() })),
});
export type HeartbeatAnswer = z.infer<typeof heartbeatAnswerSchema>;
