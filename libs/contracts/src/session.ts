import { z } from 'zod';

/** What a session is doing. `connected` is proven by probes, never by an event alone. */
export const SESSION_STATES = [
  'stopped',
  'starting',
  'pairing',
  'connecting',
  'connected',
  'interrupted',
  'logged_out',
  'failed',
] as const;
export const sessionStateSchema = z.enum(SESSION_STATES);
export type SessionState = z.infer<typeof sessionStateSchema>;

/** Why a session is in its state; a closed set for machines, with a sentence for people in {@link REASON_TEXT}. */
export const REASON_TEXT = {
  created: 'The session was created and has not been started.',
  requested: 'A request asked for it.',
  launching: 'The browser is being started.',
  waiting_for_slot: 'Waiting for other browsers to finish starting.',
  scan_qr: 'WhatsApp shows a QR code that has to be scanned with the phone.',
  pairing_code: 'A pairing code has to be entered on the phone.',
  link_expired: 'The QR code was not scanned in time.',
  syncing: 'The login is accepted; WhatsApp is loading its chats.',
  ready: 'WhatsApp answers and messages flow.',
  probe_failed: 'The page stopped answering; the browser is being started again.',
  page_crashed: 'The page crashed; the browser is being started again.',
  browser_gone: 'The browser ended; it is being started again.',
  node_lost: 'The node that runs this session cannot be reached.',
  network: 'WhatsApp Web has no connection to WhatsApp.',
  conflict: 'WhatsApp Web was opened elsewhere with this login.',
  unlinked: 'The phone removed this login.',
  logged_out: 'The session was logged out by request.',
  banned: 'WhatsApp blocked this number (TOS_BLOCK).',
  proxy_blocked: 'WhatsApp refuses connections from this address.',
  outdated_client: 'WhatsApp no longer accepts this version of its web page.',
  contract_broken: 'WhatsApp Web changed in a way that this version does not know; sends are held.',
  start_timeout: 'WhatsApp Web did not become ready in time.',
  start_failed: 'The browser could not be started.',
  restart_budget_spent: 'It failed too often within the hour.',
} as const;
export const SESSION_REASONS = Object.keys(REASON_TEXT) as [
  keyof typeof REASON_TEXT,
  ...(keyof typeof REASON_TEXT)[],
];
export const sessionReasonSchema = z.enum(SESSION_REASONS);
export type SessionReason = z.infer<typeof sessionReasonSchema>;

/** What the user can do about a session's state; null when there is nothing to do. */
export const SESSION_ACTIONS = ['scan_qr', 'open_phone', 'relink', 'restart', 'start'] as const;
export const sessionActionSchema = z.enum(SESSION_ACTIONS);
export type SessionAction = z.infer<typeof sessionActionSchema>;

/** Where a session's WhatsApp is: the real one, or our simulator. */
export const SESSION_MODES = ['live', 'test'] as const;
export const sessionModeSchema = z.enum(SESSION_MODES);
export type SessionMode = z.infer<typeof sessionModeSchema>;

/** A WhatsApp login's own identity, known from `connected` on. */
export const ownIdentitySchema = z.object({
  /** E.164 without +. */
  phone: z.string(),
  /** `…@c.us` */
  waId: z.string(),
  lid: z.string().nullable(),
  name: z.string().nullable(),
});
export type OwnIdentity = z.infer<typeof ownIdentitySchema>;

/** What a node knows of one session at one moment. Times are ISO 8601. */
export const sessionSnapshotSchema = z.object({
  state: sessionStateSchema,
  reason: sessionReasonSchema,
  action: sessionActionSchema.nullable(),
  /** Free of secrets; for the operator (`contract_broken(WAWebMsgKey)`). */
  detail: z.string().max(500).nullable(),
  since: z.iso.datetime(),
  /** When `connected` was last proven. */
  provenAt: z.iso.datetime().nullable(),
  me: ownIdentitySchema.nullable(),
});
export type SessionSnapshot = z.infer<typeof sessionSnapshotSchema>;
