import { MESSAGE_STATUSES, type MessageStatus, type MessageType } from '#contracts';
import type { AuthContext } from '../auth/index.js';
import { MESSAGE_SELECT } from './stored-message.js';

export interface MessageFilter {
  sessionId?: string | undefined;
  /** WhatsApp's chat ids: the forms under which rows of one chat may stand. */
  chatIds?: readonly string[] | undefined;
  /** WhatsApp's ids of the author of what came in, likewise. */
  authorIds?: readonly string[] | undefined;
  direction?: 'in' | 'out' | undefined;
  status?: MessageStatus | undefined;
  type?: MessageType | undefined;
  /** On `occurredAt`; from is part of the range, to is not. */
  from?: Date | undefined;
  to?: Date | undefined;
}

/** Where a page begins: behind this message. */
export interface MessagePosition {
  id: string;
  /** Needed where the list is by time. */
  occurredAt?: Date | undefined;
}

export interface MessageRange {
  /** Messages at most. */
  limit: number;
  after?: MessagePosition | undefined;
}

/** Messages of the sessions that a key may use: of its mode, and within its list. */
export const VISIBLE = `s.mode = $2 AND ($3::text[] IS NULL OR s.id = ANY($3))`;

export function visibility(auth: AuthContext): [string, string, readonly string[] | null] {
  return [auth.tenantId, auth.mode, auth.sessionIds];
}

/** A list of a range of time is in the order of time, any other in that in which we learnt of the messages. */
export function isByTime({ from, to }: Pick<MessageFilter, 'from' | 'to'>): boolean {
  return from !== undefined || to !== undefined;
}

/** Adds a value to those of a statement; gives its place in the text. */
export type Place = (value: unknown) => string;

export function placeIn(values: unknown[]): Place {
  return (value) => `$${String(values.push(value))}`;
}

/** The statement that lists messages, newest first. */
export function listStatement(
  auth: AuthContext,
  filter: MessageFilter,
  range: MessageRange,
): { text: string; values: unknown[] } {
  const values: unknown[] = visibility(auth);
  const page = pageQuery(filter, range, placeIn(values));
  const text = `WITH page AS MATERIALIZED (${page}) ${detailsOf('page')} ORDER BY ${orderOf(filter, 'm')}`;
  return { text, values };
}

/**
 * A subquery for the ids (and times, where the list is by time) of a page; its first values are those of `visibility`.
 * It takes the newest of each session (and of each chat, author or status, where these are asked for) from an index that
 * holds them in this order, and the newest of those: however rare it is, nothing else is read. Only what no index holds
 * (a status within a chat, say) is filtered row by row.
 * @param also columns of the messages besides
 */
export function pageQuery(
  filter: MessageFilter,
  { limit, after }: MessageRange,
  place: Place,
  also: readonly string[] = [],
): string {
  const sessions = ['s.tenant_id = $1', VISIBLE];
  if (filter.sessionId !== undefined) sessions.push(`s.id = ${place(filter.sessionId)}`);
  const way = wayOf(filter);
  const conditions = ['m.tenant_id = $1', 'm.session_id = s.id', ...filterConditions(filter, place)];
  if (way) conditions.push(`m.${way.column} = way.key`);
  if (after) conditions.push(behind(filter, after, place));
  const most = place(limit);
  const columns = ['id', ...(isByTime(filter) ? ['occurred_at'] : []), ...also].map((name) => `m.${name}`);
  return `SELECT newest.* FROM sessions s
      ${way ? `CROSS JOIN unnest(${place(way.keys)}::text[]) AS way (key)` : ''}
      CROSS JOIN LATERAL (
        SELECT ${columns.join(', ')} FROM messages m WHERE ${conditions.join(' AND ')}
        ORDER BY ${orderOf(filter, 'm')} LIMIT ${most}
      ) newest
      WHERE ${sessions.join(' AND ')} ORDER BY ${orderOf(filter, 'newest')} LIMIT ${most}`;
}

export function orderOf(filter: MessageFilter, alias: string): string {
  return `${isByTime(filter) ? `${alias}.occurred_at DESC, ` : ''}${alias}.id DESC`;
}

/** That a message `m` comes behind a position. */
export function behind(filter: MessageFilter, { id, occurredAt }: MessagePosition, place: Place): string {
  if (!isByTime(filter)) return `m.id < ${place(id)}`;
  return `(m.occurred_at, m.id) < (${place(occurredAt)}::timestamptz, ${place(id)})`;
}

/** The messages that a relation names by their id, with all that is shown of them. `$1` is the tenant. */
export function detailsOf(relation: string): string {
  return MESSAGE_SELECT.replace(
    'FROM messages m\n',
    `FROM ${relation} JOIN messages m ON m.tenant_id = $1 AND m.id = ${relation}.id\n`,
  );
}

/** What a message has to be besides visible, on `m`. */
export function filterConditions(filter: MessageFilter, place: Place): string[] {
  const conditions: string[] = [];
  const where = (value: unknown, condition: (at: string) => string) => {
    if (value !== undefined) conditions.push(condition(place(value)));
  };
  where(filter.chatIds, (at) => `m.chat_wa_id = ANY(${at})`);
  where(filter.authorIds, (at) => `m.direction = 'in' AND m.author_wa_id = ANY(${at})`);
  for (const column of ['direction', 'status', 'type'] as const) {
    const value = filter[column];
    // As they stand: a plan that is made without a look at the values could not go by a partial index otherwise.
    if (value !== undefined) conditions.push(`m.${column} = '${word(value)}'`);
  }
  where(filter.from, (at) => `m.occurred_at >= ${at}`);
  where(filter.to, (at) => `m.occurred_at < ${at}`);
  return conditions;
}

/** @throws TypeError for what is no word of a status or a type: it becomes part of a statement */
function word(value: string): string {
  if (!/^[a-z_]+$/.test(value)) throw new TypeError('not a word');
  return value;
}

/**
 * The index to go through, one key of it after the other; undefined: that of the session's times (of one status, where
 * that is rare), ids or types.
 */
function wayOf(filter: MessageFilter): { column: string; keys: readonly string[] } | undefined {
  const { chatIds, authorIds, type } = filter;
  if (isByTime(filter)) return undefined;
  if (chatIds) return { column: 'chat_wa_id', keys: chatIds };
  if (authorIds) return { column: 'author_wa_id', keys: authorIds };
  if (type !== undefined && type !== 'text') return undefined;
  const statuses = wantedStatuses(filter);
  return statuses && { column: 'status', keys: statuses };
}

/** What came in is `received`, and nothing else is. */
function wantedStatuses({ status, direction }: MessageFilter): readonly MessageStatus[] | undefined {
  if (status !== undefined) return [status];
  if (direction === undefined) return undefined;
  return MESSAGE_STATUSES.filter((one) => (one === 'received') === (direction === 'in'));
}
