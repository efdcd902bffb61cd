import type { MessageContent, MessageStatus } from '#contracts';
import {
  behind,
  filterConditions,
  isByTime,
  orderOf,
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

/** Those of the partial indexes of 0021 and 0024. */
const RARE_ENDS: ReadonlySet<MessageStatus> = new Set<MessageStatus>([
  'failed',
  'expired',
  'cancelled',
  'unknown',
  'unknown_final',
]);

/** Whether few messages fit the filters beside what a tenant says, and an index leads to them. */
export function isOfFew({ chatIds, authorIds, status }: MessageFilter): boolean {
  return chatIds !== undefined || authorIds !== undefined || isRare(status);
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
    while (!this.isComplete && this.looked + this.expected() <= most) {
      const wanted = Math.ceil(this.expected() * MARGIN);
      await this.look(
        this.looked === 0 ? FIRST_LOOK : Math.min(Math.max(wanted, SMALLEST_LOOK), LARGEST_LOOK),
      );
    }
    return this.isComplete;
  }

  /** Messages that are still to be looked at, if the words stay as frequent as they were. */
  private expected(): number {
    if (this.looked === 0) return FIRST_LOOK;
    return ((this.scope.range.limit - this.found.length) * this.looked) / Math.max(1, this.found.length);
  }

  private async look(limit: number): Promise<void> {
    const { query, auth, filter, wanted } = this.scope;
    const values: unknown[] = visibility(auth);
    const text = contentsQuery(filter, { limit, after: this.after }, placeIn(values));
    const rows = await query<FoundMessage & { content: MessageContent }>(text, values);
    this.looked += rows.length;
    this.found.push(...rows.filter(({ content }) => says(content, wanted)));
    const last = rows.at(-1);
    if (last) this.after = { id: last.id, occurredAt: last.at };
    this.isComplete = rows.length < limit || this.found.length >= this.scope.range.limit;
  }
}

/** The messages of a page with what they say; its first values are those of `visibility`. */
function contentsQuery(filter: MessageFilter, range: MessageRange, place: Place): string {
  const at = (relation: string) => (isByTime(filter) ? `${relation}.occurred_at` : EPOCH);
  if (filter.sessionId !== undefined) {
    const page = pageQuery(filter, range, place, ['content']);
    return `SELECT page.id, ${at('page')} AS at, page.content FROM (${page}) page ORDER BY ${orderOf(filter, 'page')}`;
  }
  if (isOfFewEnds(filter)) return endsQuery(filter, range, place);
  // Of every session the newest are taken and most of them dropped: what these say is not read.
  return `WITH page AS MATERIALIZED (${pageQuery(filter, range, place)})
    SELECT page.id, ${at('page')} AS at, m.content FROM page JOIN messages m ON m.tenant_id = $1 AND m.id = page.id
    ORDER BY ${orderOf(filter, 'page')}`;
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
