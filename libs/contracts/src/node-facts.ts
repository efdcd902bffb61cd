import { z } from 'zod';
import { ackSchema, messageContentSchema } from './message.js';
import { sessionSnapshotSchema } from './session.js';

/** Far beyond what WhatsApp allows; the node shortens what is longer. */
export const WA_NAME_MAX = 1_024;
const WA_MESSAGE_ID_MAX = 256;

/** A person as WhatsApp knows them. */
export const waPersonSchema = z.object({
  /** `…@c.us` when the phone is known, else `…@lid`. */
  id: z.string(),
  phone: z.string().nullable(),
  lid: z.string().nullable(),
  name: z.string().max(WA_NAME_MAX).nullable(),
});
export type WaPerson = z.infer<typeof waPersonSchema>;

export const waChatSchema = z.object({
  /** Canonical: the phone form when it is known. */
  id: z.string(),
  kind: z.enum(['person', 'group', 'broadcast', 'newsletter']),
  name: z.string().max(WA_NAME_MAX).nullable(),
  phone: z.string().nullable(),
  lid: z.string().nullable(),
});
export type WaChat = z.infer<typeof waChatSchema>;

/** A message as the page holds it: one that came in, or one of ours (`fromMe`), also written on the phone. */
export const waMessageSchema = z.object({
  waKey: z.string(),
  waMessageId: z.string(),
  fromMe: z.boolean(),
  chat: waChatSchema,
  /** Author; the login itself when fromMe. */
  author: waPersonSchema,
  timestamp: z.iso.datetime(),
  content: messageContentSchema,
  quotedWaMessageId: z.string().nullable(),
  ack: ackSchema.nullable(),
  origin: z.enum(['live', 'sweep']),
});
export type WaMessage = z.infer<typeof waMessageSchema>;

/**
 * The message that a later change is about. `waKey` is spelt as the page knows the people now: the row may stand under
 * the other form of an id (LID or phone). Find it by `fromMe`, `waMessageId` and the chat under either form, never by
 * `waKey` alone. The message may be one of ours (`fromMe`).
 */
export const waTargetSchema = z.object({
  waKey: z.string(),
  waMessageId: z.string().max(WA_MESSAGE_ID_MAX),
  fromMe: z.boolean(),
  chat: waChatSchema,
});
export type WaTarget = z.infer<typeof waTargetSchema>;

/**
 * A message as it stands in the page; inserted if absent, under `fromMe`, `waMessageId` and the chat in either form of
 * its id. Comes again after restarts and sweeps, with the content it has by then. What the receiver does when it has
 * the message already:
 * - a row that is `undecryptable` takes over any other content (the same row, the same key; media becomes pending
 *   then). The other way round, `undecryptable` or waType `revoked` for a row that has content, changes nothing: the
 *   page can lose what it could read.
 * - otherwise the content stays: edits come as `message.edit`, right behind this.
 * - `ack` is taken like a `message.ack`.
 * `fromMe` with an id that is no attempt of ours was written on the phone or another linked device (an attempt is
 * committed before its send, so it is always known first). `unsupported` with waType `revoked`: deleted for everyone
 * before the node could read it; a `message.revoke` follows.
 */
const messageUpsert = z.object({ kind: z.literal('message.upsert'), message: waMessageSchema });

/**
 * A message says something else now. Replaces content when `editedAt` is later than what the row has; the same or an
 * earlier one changes nothing, so repeats and any order end alike. Media keep their file: of their content only the
 * caption counts. Never brings a revoked message back. See {@link nodeFactSchema} for a target that is not known.
 */
const messageEdit = z.object({
  kind: z.literal('message.edit'),
  target: waTargetSchema,
  /** Whole new content, the same type as before. */
  content: messageContentSchema,
  editedAt: z.iso.datetime(),
});

/**
 * A message was deleted for everyone. Final: the first one stored stays, later ones change nothing (`at` is the time
 * that WhatsApp tells, or else the time at which the node noticed, and may differ when it is told again).
 */
const messageRevoke = z.object({
  kind: z.literal('message.revoke'),
  target: waTargetSchema,
  /** Its author, or an admin of the group; null when WhatsApp does not say. */
  by: waPersonSchema.nullable(),
  at: z.iso.datetime(),
});

/** A person has one reaction per message; an empty one takes it back. */
const reactionSchema = z.object({
  sender: waPersonSchema,
  /** The login itself reacted, here or on the phone. */
  fromMe: z.boolean(),
  /** Null: taken back. */
  emoji: z.string().min(1).max(64).nullable(),
  at: z.iso.datetime(),
});

/**
 * Reactions to a message. Per message and sender (under either form of their id; all `fromMe` are one sender) the
 * latest `at` stands; the same or an earlier one changes nothing. Keep a taken back one as such, with its time, so
 * that an earlier one that comes late does not revive it.
 */
const messageReactions = z.object({
  kind: z.literal('message.reactions'),
  target: waTargetSchema,
  reactions: z.array(reactionSchema).max(1_100),
  /**
   * Not null: these were all that stood at this time. Whoever is not among them and whose reaction has an earlier
   * `at` has taken it back; when, is not known: this time stands for it.
   */
  wholeAt: z.iso.datetime().nullable(),
});

/**
 * The page's own store does not reach back to where this chat was read before: messages of this time may exist on
 * the phone that no linked device has. Told once or more with the same `from`, when later sweeps reach further back
 * with an earlier `to`: unique by session, chat (either form) and `from`, and the earliest `to` stands. Changes no
 * message; one of this time that comes later is stored as ever.
 */
const gap = z.object({
  kind: z.literal('gap'),
  chat: waChatSchema,
  /** Time of the newest message that was read before. */
  from: z.iso.datetime(),
  /** Time of the oldest message that the store has after it. */
  to: z.iso.datetime(),
});

/**
 * People whose two ids are known to be one. Comes before other facts that use it in the node's order, but also at any
 * later time, when WhatsApp learned it late: chats, contacts, messages and reactions that stand under `lid` and under
 * the phone are those of one person from then on, and look-ups under either find both. Of two pairs with the same
 * `lid` or `phone` the one reported later holds.
 */
const identities = z.object({
  kind: z.literal('identities'),
  pairs: z
    .array(z.object({ phone: z.string().regex(/^\d{5,20}$/), lid: z.string().regex(/^\d{5,32}@lid$/) }))
    .min(1)
    .max(500),
});

/**
 * What the node could not report and keeps in its own quarantine: counts, never content. A state, not a step: the
 * counts are totals since `since`, which changes when the login does. Take them over when `since` is later than the
 * stored one; for the same `since` the higher of each count stands.
 */
const quarantine = z.object({
  kind: z.literal('quarantine'),
  since: z.iso.datetime(),
  counts: z.object({
    /** Messages whose WhatsApp key could not be read. */
    no_key: z.int().nonnegative(),
    /** Messages that do not fit this contract. */
    unreadable: z.int().nonnegative(),
    /** Facts that the api refused for good. */
    refused: z.int().nonnegative(),
  }),
});

/**
 * Somebody calls. Told while it rings, and several times: the first of a `callId` counts. What rang while the page was
 * away is not told.
 */
const call = z.object({
  kind: z.literal('call'),
  callId: z.string().min(1).max(128),
  /** The caller's chat, or the group's. */
  chat: waChatSchema,
  /** Null: a call of a group, and WhatsApp does not say who began it. */
  from: waPersonSchema.nullable(),
  isVideo: z.boolean(),
  at: z.iso.datetime(),
});

/** WhatsApp's groups have up to 1,024 people. */
export const GROUP_PEOPLE_MAX = 1_100;
export const GROUP_VALUE_MAX = 65_536;

/**
 * A mark in a group's chat that says what changed. Comes again after restarts and sweeps; the first of a chat,
 * `waMessageId` and `change` counts.
 */
const groupChange = z.object({
  kind: z.literal('group.change'),
  waMessageId: z.string().max(WA_MESSAGE_ID_MAX),
  chat: waChatSchema,
  /** WhatsApp's own name of it: `add`, `remove`, `leave`, `promote`, `subject`, … */
  change: z.string().min(1).max(64),
  /** Who did it; null when WhatsApp does not say. */
  by: waPersonSchema.nullable(),
  /** Whom it concerns; those who joined or left. The node leaves out what is more. */
  people: z.array(waPersonSchema).max(GROUP_PEOPLE_MAX),
  /** The new subject, description or setting; null for what has none. The node shortens what is longer. */
  value: z.string().max(GROUP_VALUE_MAX).nullable(),
  at: z.iso.datetime(),
});

/** WhatsApp's polls have up to 12 choices of up to 100 characters. */
export const POLL_CHOICE_MAX = 1_024;
export const POLL_CHOICES_MAX = 100;

/**
 * What a person chose in a poll, all of it: it replaces what they chose before. Per poll and voter (under either form of
 * their id; all `fromMe` are one) the latest `at` stands; the same or an earlier one changes nothing, except that choices
 * come in place of null.
 */
const pollVote = z.object({
  kind: z.literal('poll.vote'),
  target: waTargetSchema,
  voter: waPersonSchema,
  fromMe: z.boolean(),
  /** Empty: the vote was taken back. Null: the page does not have the poll, or cannot name all the choices. */
  choices: z.array(z.string().max(POLL_CHOICE_MAX)).max(POLL_CHOICES_MAX).nullable(),
  at: z.iso.datetime(),
});

/**
 * The page shows a new QR code. Without the code, which is a secret: whoever is to see it asks for it with
 * `session.qr`. Of those that come together the last counts; with the same `expiresAt` as the one told before it is no
 * news.
 */
const qrShown = z.object({
  kind: z.literal('session.qr'),
  expiresAt: z.iso.datetime(),
  /** 1 for the first of this start. */
  attempt: z.int().positive(),
});

/**
 * Facts a node reports. In the node's order per session, at least once: a whole run of them may come again, and after
 * a restart also in the state of that time. Every one is safe to repeat, and those that change the same thing tell by
 * themselves which is later.
 *
 * About a change (`message.edit`, `message.revoke`, `message.reactions`, `message.ack`) of a message that is not
 * stored: ignore it. Either the message is from before the link and never comes, or the node reports it later, and
 * each time it reports a message it repeats right behind it what it knows of its edit, revoke and reactions.
 */
export const nodeFactSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('session.state'), snapshot: sessionSnapshotSchema }),
  qrShown,
  messageUpsert,
  z.object({
    kind: z.literal('message.ack'),
    waKey: z.string(),
    waMessageId: z.string(),
    chatId: z.string(),
    ack: ackSchema,
    at: z.iso.datetime(),
  }),
  messageEdit,
  messageRevoke,
  messageReactions,
  call,
  groupChange,
  pollVote,
  gap,
  identities,
  quarantine,
  z.object({ kind: z.literal('chats'), chats: z.array(waChatSchema).max(500) }),
  z.object({ kind: z.literal('contacts'), contacts: z.array(waPersonSchema).max(500) }),
]);
export type NodeFact = z.infer<typeof nodeFactSchema>;
