import type { MessageContent } from '#contracts';

/** What of a message's content moves. */
export interface ContentState {
  content: MessageContent;
  /** WhatsApp's time of the edit that the content is of; null: as it was sent. */
  editedAt: Date | null;
  revokedAt: Date | null;
}

/** A content that a message had from a time on. */
export interface ContentVersion {
  content: MessageContent;
  at: Date;
}

/** How a message that was deleted for everyone is kept: as WhatsApp Web shows it, and a node that comes late sees it. */
export const REVOKED_CONTENT: MessageContent = { type: 'unsupported', waType: 'revoked' };

/** WhatsApp Web shows a message again: one that could not be decrypted before says more now. */
export function applyReport(state: ContentState, content: MessageContent): ContentState {
  const isNews = state.content.type === 'undecryptable' && content.type !== 'undecryptable';
  return isNews && state.revokedAt === null ? { ...state, content } : state;
}

/**
 * An edit: the latest one stands, whatever the order they come in. `versions` are the contents that the message has
 * had by it; also of an edit that was overtaken by a later one.
 */
export function applyEdit(
  state: ContentState & { occurredAt: Date },
  edited: MessageContent,
  at: Date,
): { state: ContentState; versions: ContentVersion[] } {
  const { editedAt, revokedAt, occurredAt } = state;
  const content = editedContent(state.content, edited);
  if (revokedAt !== null || content === null || editedAt?.getTime() === at.getTime()) {
    return { state, versions: [] };
  }
  const isFirst = editedAt === null && state.content.type !== 'undecryptable';
  const versions = [...(isFirst ? [{ content: state.content, at: occurredAt }] : []), { content, at }];
  const isNewest = editedAt === null || editedAt < at;
  return { state: isNewest ? { ...state, content, editedAt: at } : state, versions };
}

/** Deleted for everyone: final. What it said is gone. */
export function applyRevoke(state: ContentState, at: Date): ContentState {
  return state.revokedAt === null ? { ...state, content: REVOKED_CONTENT, revokedAt: at } : state;
}

/** A file stays the file it is: of an edit only its caption counts. Null: it is no edit of such a message. */
function editedContent(before: MessageContent, edited: MessageContent): MessageContent | null {
  if (before.type === 'undecryptable') return edited.type === 'undecryptable' ? null : edited;
  if (edited.type !== before.type) return null;
  return 'media' in before && 'media' in edited ? { ...before, caption: edited.caption } : edited;
}
