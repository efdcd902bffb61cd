import { z } from 'zod';
import {
  pacingSchema,
  pauseReasonSchema,
  REASON_TEXT,
  sessionActionSchema,
  sessionIdSchema,
  sessionModeSchema,
  sessionNameSchema,
  sessionReasonSchema,
  sessionStateSchema,
} from '#contracts';
import { NODE_LOST_MS, type StoredSession } from '../nodes/index.js';

/** A WhatsApp login in three words, for clients that want no more. */
export const SESSION_STATUSES = ['qr_pending', 'connected', 'disconnected'] as const;

const personSchema = z.object({
  id: z.string().describe('WhatsApp id, `…@c.us`'),
  phone: z.string().describe('E.164 without +'),
  lid: z.string().nullable().describe('WhatsApp’s id without a phone number, `…@lid`'),
  name: z.string().nullable(),
});

export const pausedSchema = z
  .object({
    since: z.iso.datetime(),
    reason: pauseReasonSchema,
    until: z.iso.datetime().nullable().describe('When it ends by itself; null: when somebody resumes it'),
  })
  .nullable()
  .describe('Set while the queue of the session is paused: its messages stay queued');

/** A session as the API answers it. */
export const sessionSchema = z
  .object({
    id: sessionIdSchema,
    name: sessionNameSchema,
    mode: sessionModeSchema.describe('`test` sessions are on the simulator'),
    state: sessionStateSchema.describe('`connected` is proven, and never older than 30 seconds'),
    status: z.enum(SESSION_STATUSES).describe('`state` in three words'),
    reason: sessionReasonSchema.describe('Why it is in its state'),
    reasonText: z.string().describe('The reason as a sentence'),
    action: sessionActionSchema.nullable().describe('What you can do about it'),
    detail: z.string().nullable(),
    since: z.iso.datetime().describe('When the state began'),
    provenAt: z.iso.datetime().nullable().describe('When `connected` was last proven'),
    me: personSchema.nullable().describe('Who is linked; null when nobody is'),
    dailyMessageLimit: z.int().nullable().describe('Messages per UTC day; null: the default of the tenant'),
    pacing: pacingSchema.nullable().describe('Its own pacing policy; null: the default of the operator'),
    typing: z.boolean().describe('Shows "typing" for a moment before each message'),
    strictOrder: z
      .boolean()
      .describe('A chat waits behind a message of unknown fate until that is known, not for a minute only'),
    paused: pausedSchema,
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .meta({ id: 'Session' });
export type SessionView = z.infer<typeof sessionSchema>;

export function viewOf(session: StoredSession): SessionView {
  const { state, reason, action, detail, since } = current(session);
  return {
    id: session.id,
    name: session.name,
    mode: session.mode,
    state,
    status: statusOf(state, session.linkedAt !== null),
    reason,
    reasonText: REASON_TEXT[reason],
    action,
    detail,
    since: since.toISOString(),
    provenAt: session.provenAt?.toISOString() ?? null,
    me: meOf(session),
    dailyMessageLimit: session.dailyMessageLimit,
    pacing: session.pacing && pacingSchema.parse(session.pacing),
    typing: session.typing,
    strictOrder: session.strictOrder,
    paused: pausedOf(session),
    createdAt: session.createdAt.toISOString(),
    updatedAt: session.updatedAt.toISOString(),
  };
}

type Current = Pick<StoredSession, 'state' | 'reason' | 'action' | 'detail' | 'since'>;

/** The stored state, unless it claims a connection that nobody proved lately. */
export function current(session: StoredSession): Current {
  const { state, reportedAgoMs } = session;
  if (state !== 'connected' || (reportedAgoMs !== null && reportedAgoMs <= NODE_LOST_MS)) return session;
  const since = session.reportedAt ?? session.since;
  return {
    state: 'interrupted',
    reason: 'probe_failed',
    action: null,
    detail: 'not proven for 30 seconds',
    since,
  };
}

function statusOf(state: Current['state'], linked: boolean): SessionView['status'] {
  if (state === 'connected') return 'connected';
  return state === 'pairing' || (state === 'starting' && !linked) ? 'qr_pending' : 'disconnected';
}

function meOf(session: StoredSession): SessionView['me'] {
  if (session.linkedAt === null || session.waId === null || session.phone === null) return null;
  return { id: session.waId, phone: session.phone, lid: session.lid, name: session.profileName };
}

export function pausedOf({ pausedAt, pauseReason, pausedUntil }: StoredSession): SessionView['paused'] {
  if (pausedAt === null || pauseReason === null) return null;
  const until = pausedUntil === null ? null : pausedUntil.toISOString();
  return { since: pausedAt.toISOString(), reason: pauseReason, until };
}

/** For the OpenAPI document. */
export const SESSION_EXAMPLE: SessionView = {
  id: 'ses_01kb6x2vb8c7j0m4qf5t9wz3ye',
  name: 'support',
  mode: 'live',
  state: 'connected',
  status: 'connected',
  reason: 'ready',
  reasonText: REASON_TEXT.ready,
  action: null,
  detail: null,
  since: '2026-01-01T09:00:04.000Z',
  provenAt: '2026-01-01T09:41:15.000Z',
  me: { id: '4915112345678@c.us', phone: '4915112345678', lid: '83746582910374@lid', name: 'Example Ltd' },
  dailyMessageLimit: null,
  pacing: null,
  typing: false,
  strictOrder: false,
  paused: null,
  createdAt: '2026-01-01T08:59:31.000Z',
  updatedAt: '2026-01-01T09:00:04.000Z',
};
