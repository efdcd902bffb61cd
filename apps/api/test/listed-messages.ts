import { newId } from '#kernel';
import { startApi, type TestApi, type TestTenant } from '../../../test/support/start-api.js';
import { idsOf, storeMessages, storeSessions, type StoredMessage } from './stored-messages-steps.js';

export interface ListedMessage extends StoredMessage {
  n: number;
  sessionName: string;
}

const COUNT = 240;
export const START = Date.parse('2026-01-01T00:00:00Z');
const STATUSES = ['sent', 'delivered', 'read', 'failed', 'expired'];
export const TEXTS = [
  'Your order has left',
  'Счёт оплачен',
  '发票已经付款',
  'Order arrived',
  'nothing special',
];

export const FROM = new Date(START + 60 * 60_000);
export const TO = new Date(START + 180 * 60_000);
/** What a list may be asked for, and which messages that is. */
export const FILTERS: [
  name: string,
  query: Record<string, string>,
  test: (message: ListedMessage) => boolean,
][] = [
  ['nothing', {}, () => true],
  ['a session', { session: 'session-1' }, ({ sessionName }) => sessionName === 'session-1'],
  ['a chat', { chat: '4915110000003' }, ({ chat }) => chat === '4915110000003@c.us'],
  ['what came in', { direction: 'in' }, ({ direction }) => direction === 'in'],
  ['what went out', { direction: 'out' }, ({ direction }) => direction === 'out'],
  ['a status', { status: 'failed' }, ({ status }) => status === 'failed'],
  ['a status that none has', { status: 'queued' }, () => false],
  ['a status against its direction', { status: 'failed', direction: 'in' }, () => false],
  ['a type', { type: 'poll' }, ({ type }) => type === 'poll'],
  ['texts', { type: 'text', status: 'read' }, ({ type, status }) => type === 'text' && status === 'read'],
  [
    'all of them',
    { session: 'session-2', chat: '4915110000002', direction: 'out', status: 'sent', type: 'text' },
    ({ sessionName, chat, status, type }) =>
      sessionName === 'session-2' && chat === '4915110000002@c.us' && status === 'sent' && type === 'text',
  ],
];

export function newestFirst(chosen: ListedMessage[]): string[] {
  return chosen.toSorted((a, b) => b.n - a.n).map(({ id }) => id);
}

export function byTime(chosen: ListedMessage[]): string[] {
  return chosen
    .toSorted((a, b) => b.occurredAt.getTime() - a.occurredAt.getTime() || b.n - a.n)
    .map(({ id }) => id);
}

/** The api, and a tenant with messages of every kind that a list tells apart; another tenant has one too. */
export class ListedMessages {
  private constructor(
    readonly api: TestApi,
    readonly tenant: TestTenant,
    readonly sessions: readonly string[],
    readonly all: readonly ListedMessage[],
  ) {}

  static async start(): Promise<ListedMessages> {
    const api = await startApi();
    const tenant = await api.createTenant();
    const sessions = [newId('ses'), newId('ses'), newId('ses')];
    const all = Array.from({ length: COUNT }, (_, n) => messageOf(n, sessions));
    await storeSessions(api, tenant.tenantId, sessions);
    await storeMessages(api, tenant.tenantId, all);
    const other = await api.createTenant();
    const theirs = [newId('ses')];
    await storeSessions(api, other.tenantId, theirs);
    await storeMessages(api, other.tenantId, [{ ...messageOf(COUNT, theirs), text: TEXTS[0] ?? '' }]);
    return new ListedMessages(api, tenant, sessions, all);
  }

  close(): Promise<void> {
    return this.api.close();
  }

  /** Ids over all pages, of few messages each. */
  idsOf(query: Record<string, string>, reader = this.tenant): Promise<string[]> {
    return idsOf(reader, { ...query, limit: '23' });
  }
}

/** A later id for a later n; `occurredAt` in another order, as what is caught up has. */
function messageOf(n: number, sessions: readonly string[]): ListedMessage {
  const isIn = n % 3 === 0;
  const place = n % sessions.length;
  return {
    n,
    id: newId('msg', START + n * 1_000),
    session: sessions[place] ?? '',
    sessionName: `session-${String(place)}`,
    chat: `49151${String(10_000_000 + (n % 7))}@c.us`,
    direction: isIn ? 'in' : 'out',
    status: isIn ? 'received' : (STATUSES[n % STATUSES.length] ?? ''),
    type: n % 40 === 5 ? 'poll' : 'text',
    text: TEXTS[n % TEXTS.length] ?? '',
    occurredAt: new Date(START + ((n * 37) % COUNT) * 60_000),
  };
}
