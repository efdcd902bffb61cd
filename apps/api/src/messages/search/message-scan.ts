import type { MessageContent, MessageStatus } from '#contracts';
import {
  behind,
  filterConditions,
  isByTime,
  pageQuery,
  placeIn,
  visibility,
  VISIBLE,
  type MessageFilter,
  type MessageRange,
  type Place,
} from '../message-list.js';
import { EPOCH, type FoundMessage, type SearchScope } from './search-scope.js';
import { says } from './search-terms.js';

/** Messages that are looked through at first; for most chats that is all of them. */
const FIRST_LOOK = 300;
const SMALLEST_LOOK = 200;
const LARGEST_LOOK = 2_000;
/** Looking a little further than expected costs less than one more look. */
const MARGIN = 1.25;

const ASCII = /^[a-z0-9]+$/;

/** Those of the partial indexes of 0021 and 0024. */
const RARE_ENDS: ReadonlySet<MessageStatus> = new Set<MessageStatus>([
  'failed',
  'expired',
  'cancelled',
  'unknown',
  'unknown_final',
]);

/** Whether few messages fit the filters beside what a tenant says, and an index leads to them. */
export function isOfFew(filter: MessageFilter): boolean {
  return isRare(filter.status) || (isOfPeople(filter) && !isByTime(filter));
}

/** Whether no index holds them in the order of the list, so that all messages of the range would be read for few. */
export function isScattered(filter: MessageFilter): boolean {
  return isOfPeople(filter) && !isOfFew(filter);
}

function isOfPeople({ chatIds, authorIds }: MessageFilter): boolean {
  return chatIds !== undefined || authorIds !== undefined;
}

/**
 * Looks through what the messages say that fit the filters of a search, newest first, in looks as large as the words
 * turn out to be rare. It needs no index of words, so it finds what is not in one yet.
 */
export class MessageScan {
  readonly found: FoundMessage[] = [];
  private looked = 0;
  private isComplete = false;
  private after: MessageRange['after'];

  constructor(private readonly scope: SearchScope) {
    this.after = scope.range.after;
  }

  /**
   * Goes on until there are enough, or no more messages.
   * @param most gives up when, by what was found so far, more messages than these would have to be looked at in all
   * @returns whether `found` holds the whole page
   */
  async goOn(most: number): Promise<boolean> {
    while (!this.isComplete && this.looked + this.expected() <= most) await this.look(this.nextLook());
    return this.isComplete;
  }

  /**
   * As `goOn`, however rare the words are.
   * @param most gives up when so many messages were looked at in all
   */
  async goThrough(most: number): Promise<boolean> {
    while (!this.isComplete && this.looked < most)
      await this.look(Math.min(this.nextLook(), most - this.looked));
    return this.isComplete;
  }

  private nextLook(): number {
    if (this.looked === 0) return FIRST_LOOK;
    return Math.min(Math.max(Math.ceil(this.expected() * MARGIN), SMALLEST_LOOK), LARGEST_LOOK);
  }

  /** Messages that are still to be looked at, if the words stay as frequent as they were. */
  private expected(): number {
    if (this.looked === 0) return FIRST_LOOK;
    return ((this.scope.range.limit - this.found.length) * this.looked) / Math.max(1, this.found.length);
  }

  private async look(limit: number): Promise<void> {
    const { query, auth, filter, wanted, range } = this.scope;
    const values: unknown[] = visibility(auth);
    const text = lookQuery(filter, { limit, after: this.after }, wanted, placeIn(values));
    const rows = await query<FoundMessage & { content: MessageContent; place: number }>(text, values);
    this.looked += limit;
    for (const row of rows) {
      if (this.found.length >= range.limit) break;
      if (says(row.content, wanted)) this.found.push(row);
    }
    const last = rows.at(-1);
    if (last) this.after = { id: last.id, occurredAt: last.at };
    this.isComplete = last?.place !== limit || this.found.length >= range.limit;
  }
}

/**
 * Of the messages of a page those that may hold the words, and the last one if the page is full. Text of ASCII alone is
 * compared by Postgres; what other letters become in lower case and normal form, it does not know.
 */
function lookQuery(
  filter: MessageFilter,
  range: MessageRange,
  wanted: SearchScope['wanted'],
  place: Place,
): string {
  const page = contentsQuery(filter, range, place);
  const patterns = wanted.every(({ word }) => ASCII.test(word)) ? wanted.map(({ word }) => `%${word}%`) : [];
  const isLike =
    patterns.length > 0 ? `lower(said COLLATE "C") LIKE ALL (${place(patterns)}::text[])` : 'false';
  return `SELECT id, at, content, place::int FROM (
      SELECT page.*, row_number() OVER (ORDER BY ${isByTime(filter) ? 'page.at DESC, ' : ''}page.id DESC) AS place,
        page.content::text AS said
      FROM (${page}) page
    ) looked
    WHERE place = ${place(range.limit)} OR said COLLATE "C" ~ '[^\\x01-\\x7f]' OR ${isLike}
    ORDER BY place`;
}

/** The messages of a page with what they say; its first values are those of `visibility`. */
function contentsQuery(filter: MessageFilter, range: MessageRange, place: Place): string {
  const at = (relation: string) => `${isByTime(filter) ? `${relation}.occurred_at` : EPOCH} AS at`;
  if (filter.sessionId !== undefined)
    return `SELECT page.id, ${at('page')}, page.content FROM (${pageQuery(filter, range, place, ['content'])}) page`;
  if (isOfFewEnds(filter)) return endsQuery(filter, range, place);
  // Of every session the newest are taken and most of them dropped: what these say is not read.
  return `SELECT page.id, ${at('page')}, m.content FROM (${pageQuery(filter, range, place)}) page
    JOIN messages m ON m.tenant_id = $1 AND m.id = page.id`;
}

/** By the index of all sessions' rare ends, which names the session of each. */
function endsQuery(filter: MessageFilter, { limit, after }: MessageRange, place: Place): string {
  const conditions = ['m.tenant_id = $1', ...filterConditions(filter, place)];
  if (after) conditions.push(behind(filter, after, place));
  return `SELECT m.id, ${EPOCH} AS at, m.content FROM messages m
    WHERE ${conditions.join(' AND ')}
      AND m.session_id = ANY (ARRAY(SELECT s.id FROM sessions s WHERE s.tenant_id = $1 AND ${VISIBLE}))
    ORDER BY m.id DESC LIMIT ${place(limit)}`;
}

function isOfFewEnds(filter: MessageFilter): boolean {
  const { chatIds, authorIds, status } = filter;
  return isRare(status) && chatIds === undefined && authorIds === undefined && !isByTime(filter);
}

function isRare(status: MessageStatus | undefined): boolean {
  return status !== undefined && RARE_ENDS.has(status);
}
