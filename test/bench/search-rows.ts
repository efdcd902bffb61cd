import { idBoundary } from '#kernel';
import { BLOCK_SIZE, toTerms, wordsOf } from '../../apps/api/src/messages/search/search-terms.js';
import { copyRow } from './copy-in.js';

/** A tenant of the bench: how many of all messages are its own, over how many sessions. */
export interface BenchTenant {
  id: string;
  /** In the search index. */
  number: number;
  share: number;
  sessions: string[];
}

export const CHATS_PER_SESSION = 400;
const DAYS = 180;
const ROWS_PER_CHUNK = 500;
const VOCABULARY = 20_000;
const WORDS_PER_MESSAGE = 12;

/** Small, quick and the same in every run (Mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const SYLLABLES = [
  'ka',
  'lo',
  'mi',
  'ren',
  'ta',
  'vo',
  'zu',
  'be',
  'dar',
  'fin',
  'go',
  'hel',
  'is',
  'jun',
  'no',
  'per',
];

/** The word of a rank: 0 is the commonest. */
export function wordOf(rank: number): string {
  let word = '';
  for (let rest = rank + 1; rest > 0; rest = Math.floor(rest / SYLLABLES.length)) {
    word += SYLLABLES[rest % SYLLABLES.length] ?? '';
  }
  return word;
}

/** Ranks as words have them in languages: rank r about 1/r as often as the first. */
function rankOf(random: number): number {
  return Math.min(VOCABULARY - 1, Math.floor(Math.exp(random * Math.log(VOCABULARY))) - 1);
}

/** Of the chat of a session, by the places of both. */
export function phoneOf(session: number, chat: number): string {
  return `49151${String(10_000_000 + session * 10_000 + chat)}`;
}

/** One in 1,000 says this too, and one in 1,000 that, to have something of another script. */
export const CHINESE = '发票已经付款';
export const RUSSIAN = 'Счёт оплачен';

/** As `newId` makes them, but for times that are over. */
function idOf(atMs: number, n: number): string {
  return `${idBoundary('msg', atMs)}${String(n).padStart(16, '0')}`;
}

function textOf(random: () => number, n: number): string {
  const words = Array.from({ length: WORDS_PER_MESSAGE }, () => wordOf(rankOf(random())));
  if (n % 1_000 === 7) words.push(CHINESE);
  if (n % 1_000 === 8) words.push(RUSSIAN);
  if (n % 50_000 === 9) words.push(`needle${String(n)}`);
  return words.join(' ');
}

const OUT_STATUSES = [
  [0.55, 'read'],
  [0.8, 'delivered'],
  [0.97, 'sent'],
  [0.99, 'failed'],
  [0.995, 'expired'],
  [0.999, 'cancelled'],
  [1, 'unknown_final'],
] as const;

const COLUMNS = `tenant_id, id, session_id, direction, origin, chat_wa_id, author_wa_id, author_phone, type, content, status,
  wa_message_id, wa_key, due_at, occurred_at, created_at, sent_at`;
export const COPY_MESSAGES = `COPY messages (${COLUMNS}) FROM STDIN`;
export const COPY_SEARCH = 'COPY message_search (tenant_id, message_id, session_id, block, terms) FROM STDIN';

/** Makes messages in the order of their ids, and beside each its row of the search index. */
export class SearchRows {
  private readonly random = randomOf(4711);
  private readonly startMs: number;
  private made = 0;
  private readonly indexed = new Map<string, number>();
  readonly lastIds = new Map<string, string>();

  constructor(
    private readonly tenants: readonly BenchTenant[],
    private readonly total: number,
    nowMs: number,
  ) {
    this.startMs = nowMs - DAYS * 86_400_000;
  }

  indexedOf(tenantId: string): number {
    return this.indexed.get(tenantId) ?? 0;
  }

  /** So many rows: of messages and of the index, in chunks. */
  next(count: number): { messages: string[]; search: string[] } {
    const messages: string[] = [];
    const search: string[] = [];
    for (let left = Math.min(count, this.total - this.made); left > 0; left -= ROWS_PER_CHUNK) {
      const rows = Array.from({ length: Math.min(left, ROWS_PER_CHUNK) }, () => this.row());
      messages.push(rows.map((row) => row.message).join(''));
      search.push(rows.map((row) => row.search).join(''));
    }
    return { messages, search };
  }

  private row(): { message: string; search: string } {
    const n = this.made++;
    const { random } = this;
    const atMs = this.startMs + Math.floor((n / this.total) * DAYS * 86_400_000);
    const tenant = this.pickTenant(random());
    const place = Math.floor(random() ** 2 * tenant.sessions.length);
    const session = tenant.sessions[place] ?? '';
    const id = idOf(atMs, n);
    const at = new Date(atMs).toISOString();
    const phone = phoneOf(place, Math.floor(random() ** 2 * CHATS_PER_SESSION));
    const chat = `${phone}@c.us`;
    const isIn = random() < 0.5;
    const part = random();
    const status = isIn ? 'received' : (OUT_STATUSES.find(([upTo]) => part < upTo)?.[1] ?? 'sent');
    const text = textOf(random, n);
    const waId = `3EB0${n.toString(16).toUpperCase().padStart(18, '0')}`;
    const message = copyRow([
      tenant.id,
      id,
      session,
      isIn ? 'in' : 'out',
      isIn ? 'contact' : 'api',
      chat,
      isIn ? chat : null,
      isIn ? phone : null,
      'text',
      JSON.stringify({ type: 'text', text }),
      status,
      waId,
      `${String(!isIn)}_${chat}_${waId}`,
      at,
      at,
      at,
      isIn ? null : at,
    ]);
    const rank = this.indexedOf(tenant.id);
    this.indexed.set(tenant.id, rank + 1);
    this.lastIds.set(tenant.id, id);
    const block = Math.floor(rank / BLOCK_SIZE);
    const terms = toTerms(tenant.number, block, wordsOf(text));
    return { message, search: copyRow([tenant.id, id, session, block, terms]) };
  }

  private pickTenant(random: number): BenchTenant {
    let upTo = 0;
    for (const tenant of this.tenants) {
      upTo += tenant.share;
      if (random < upTo) return tenant;
    }
    return this.tenants[0] as BenchTenant;
  }
}
