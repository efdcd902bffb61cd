import type { ChatKind, MessageContent, MessageStatus, SessionMode } from '#contracts';
import type { StoredMedia } from '../media/index.js';

interface Person {
  id: string | null;
  phone: string | null;
  lid: string | null;
  name: string | null;
}

/** A message with what its resource shows of its session, chat and media. */
export interface StoredMessage {
  id: string;
  tenantId: string;
  sessionId: string;
  sessionName: string;
  direction: 'in' | 'out';
  origin: 'api' | 'phone' | 'contact';
  chatId: string;
  chat: { kind: ChatKind | null; name: string | null; phone: string | null; lid: string | null };
  author: Person;
  /** The session's own number. */
  own: Person;
  content: MessageContent;
  media: StoredMedia | null;
  status: MessageStatus;
  ack: number | null;
  errorCode: string | null;
  errorDetail: string | null;
  waMessageId: string | null;
  quotedMessageId: string | null;
  quotedWaMessageId: string | null;
  clientRef: string | null;
  metadata: Record<string, unknown> | null;
  attempts: number;
  priority: number;
  createdAt: Date;
  occurredAt: Date;
  expiresAt: Date | null;
  sentAt: Date | null;
  deliveredAt: Date | null;
  readAt: Date | null;
  /** While it is queued: what of its session decides when it leaves. */
  pace?: StoredPace | null;
  /** When it leaves, once that was looked for; null: nobody can tell, or nothing holds it. */
  eta?: Date | null;
  /** As things are it expires before it leaves. */
  expiresFirst?: boolean;
  /** WhatsApp's time of the edit that the content is of. */
  editedAt: Date | null;
  /** Deleted for everyone. */
  revokedAt: Date | null;
  /** Contents before the newest edit, the oldest first; null: never edited. */
  versions: { at: string; content: MessageContent }[] | null;
  /** Those that stand, the oldest first; null: none. */
  reactions: StoredReaction[] | null;
}

export interface StoredPace {
  mode: SessionMode;
  pacing: object | null;
  linkedAt: string | null;
  pausedAt: string | null;
  pausedUntil: string | null;
}

export interface StoredReaction {
  /** WhatsApp's id, or `me` for the session itself. */
  sender: string;
  lid: string | null;
  name: string | null;
  emoji: string;
  at: string;
}

/** Messages from before it was known do not have it. */
const AUTHOR_LID = `coalesce(m.author_lid, (SELECT i.lid FROM identities i
      WHERE i.tenant_id = m.tenant_id AND i.session_id = m.session_id AND i.phone = m.author_phone))`;

const PACE = `CASE WHEN m.status = 'queued' THEN jsonb_build_object('mode', s.mode, 'pacing', s.pacing,
      'linkedAt', s.linked_at, 'pausedAt', s.paused_at, 'pausedUntil', s.paused_until) END`;

const VERSIONS = `CASE WHEN m.edited_at IS NOT NULL THEN (
      SELECT jsonb_agg(jsonb_build_object('at', v.at, 'content', v.content) ORDER BY v.at) FROM message_versions v
      WHERE v.tenant_id = m.tenant_id AND v.message_id = m.id AND v.at < m.edited_at) END`;

const REACTIONS = `CASE WHEN m.revoked_at IS NULL THEN (
      SELECT jsonb_agg(jsonb_build_object('sender', r.sender, 'lid', i.lid, 'name', r.name, 'emoji', r.emoji, 'at', r.at)
        ORDER BY r.at, r.sender)
      FROM message_reactions r LEFT JOIN identities i ON i.tenant_id = r.tenant_id AND i.session_id = m.session_id
        AND i.phone = split_part(r.sender, '@', 1)
      WHERE r.tenant_id = m.tenant_id AND r.message_id = m.id AND r.emoji IS NOT NULL) END`;

/** What `MESSAGE_SELECT` gives for one message; jsonb so that joined rows come as one value or null. */
export const MESSAGE_SELECT = `SELECT m.id, m.tenant_id AS "tenantId", m.session_id AS "sessionId", s.name AS "sessionName",
    m.direction, m.origin, m.chat_wa_id AS "chatId",
    jsonb_build_object('kind', c.kind, 'name', c.name, 'phone', c.phone, 'lid', c.lid) AS chat,
    jsonb_build_object('id', m.author_wa_id, 'phone', m.author_phone, 'lid', ${AUTHOR_LID}, 'name', m.author_name)
      AS author,
    jsonb_build_object('id', s.wa_id, 'phone', s.phone, 'lid', s.lid, 'name', s.profile_name) AS own,
    m.content, CASE WHEN d.id IS NOT NULL THEN jsonb_build_object('id', d.id, 'state', d.state, 'mimeType', d.mime_type,
      'filename', d.filename, 'size', d.size, 'sha256', d.sha256, 'error', d.error) END AS media,
    m.status, m.ack, m.error_code AS "errorCode", m.error_detail AS "errorDetail", m.wa_message_id AS "waMessageId",
    m.quoted_message_id AS "quotedMessageId", m.quoted_wa_message_id AS "quotedWaMessageId",
    m.client_ref AS "clientRef", m.metadata, m.attempts, m.priority, m.created_at AS "createdAt",
    m.occurred_at AS "occurredAt", m.expires_at AS "expiresAt", m.sent_at AS "sentAt",
    m.delivered_at AS "deliveredAt", m.read_at AS "readAt",
    ${PACE} AS pace, m.edited_at AS "editedAt", m.revoked_at AS "revokedAt", ${VERSIONS} AS versions, ${REACTIONS} AS reactions
  FROM messages m
  JOIN sessions s ON s.tenant_id = m.tenant_id AND s.id = m.session_id
  LEFT JOIN chats c ON c.tenant_id = m.tenant_id AND c.session_id = m.session_id AND c.wa_id = m.chat_wa_id
  LEFT JOIN media d ON d.tenant_id = m.tenant_id AND d.id = m.media_id`;
