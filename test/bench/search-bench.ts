import type { BenchRun } from './bench-run.js';
import { SHAPE } from './search-load.js';
import { openSearchStage, type Asker } from './search-stage.js';
import { CHATS_PER_SESSION, CHINESE, phoneOf, RUSSIAN, wordOf } from './search-rows.js';
import { median, nowMs, percentile } from './statistics.js';

const MESSAGES = Number(process.env.BENCH_MESSAGES ?? 5_000_000);
/** Of each kind, of each tenant: so many requests, or as many as there are in so long. */
const REQUESTS = 150;
const LONGEST_MS = 8_000;
/** Enough for Postgres and the system to hold in memory what is asked for often, as they do after an hour of use. */
const WARM_UP = 150;
const DAY_MS = 86_400_000;
const AIM = 'p99 ≤ 50 ms';

type Kind = [name: string, query: (asker: Asker) => Record<string, string>];

const below = (most: number) => Math.floor(Math.random() * most);
const someSession = ({ sessions }: Asker) => Math.floor(Math.random() ** 2 * sessions);
const daysAgo = (days: number) => new Date(Date.now() - days * DAY_MS).toISOString();
const someDay = () => {
  const days = 1 + Math.random() * 170;
  return { from: daysAgo(days + 1), to: daysAgo(days) };
};
const withSession = (session: number, more: Record<string, string> = {}) => ({
  session: `session-${String(session)}`,
  ...more,
});
const someChat = (session: number) => phoneOf(session, Math.floor(Math.random() ** 2 * CHATS_PER_SESSION));

const KINDS: Kind[] = [
  ['list, all', () => ({})],
  ['list by session', (asker) => withSession(someSession(asker))],
  ['list by chat', (asker) => ({ chat: someChat(someSession(asker)) })],
  ['list by status, frequent', () => ({ status: 'delivered' })],
  ['list by status, rare', () => ({ status: 'unknown_final' })],
  ['list by status, none', () => ({ status: 'queued' })],
  ['list by direction', () => ({ direction: below(2) ? 'in' : 'out' })],
  ['list by from and to, a day', () => someDay()],
  [
    'list by session, status, from and to',
    (asker) => withSession(someSession(asker), { status: 'failed', from: daysAgo(90), to: daysAgo(60) }),
  ],
  ['search, a common word', () => ({ search: wordOf(below(10)) })],
  ['search, a word in a thousand messages', () => ({ search: wordOf(500 + below(2_000)) })],
  ['search, a rare word', () => ({ search: wordOf(15_000 + below(5_000)) })],
  ['search, two words', () => ({ search: `${wordOf(below(100))} ${wordOf(100 + below(2_000))}` })],
  ['search, Chinese and Cyrillic', () => ({ search: below(2) ? CHINESE.slice(2) : RUSSIAN })],
  ['search, nothing found', () => ({ search: 'quxquux' })],
  ['search in a session', (asker) => withSession(someSession(asker), { search: wordOf(below(1_000)) })],
  [
    'search in a chat',
    (asker) => {
      const session = someSession(asker);
      return withSession(session, { chat: someChat(session), search: wordOf(below(200)) });
    },
  ],
  ['search, a common word in a day', () => ({ search: wordOf(below(1_000)), ...someDay() })],
  [
    'search in a session in a day',
    (asker) => withSession(someSession(asker), { search: wordOf(below(1_000)), ...someDay() }),
  ],
  ['search in what failed', () => ({ search: wordOf(below(100)), status: 'failed' })],
];

async function ask({ client }: Asker, query: Record<string, string>): Promise<void> {
  const { status, bytes } = await client.get(`/messages?${new URLSearchParams(query).toString()}`);
  if (status !== 200) throw new Error(`${String(status)}: ${bytes.toString()}`);
}

async function measure(askers: Asker[], [name, query]: Kind, run: BenchRun): Promise<void> {
  const times: number[] = [];
  for (const asker of askers) {
    for (let n = 0; n < WARM_UP; n += 1) await ask(asker, query(asker));
    const until = nowMs() + LONGEST_MS;
    for (let n = 0; n < REQUESTS && nowMs() < until; n += 1) {
      const startedAt = nowMs();
      await ask(asker, query(asker));
      times.push(nowMs() - startedAt);
    }
  }
  run.log(`${name}: ${String(times.length)} requests`);
  run.add({ what: `${name}, median`, unit: 'ms', wagate: median(times) });
  run.add({ what: `${name}, p99`, unit: 'ms', wagate: percentile(times, 0.99), aim: AIM });
}

/** Lists and searches over five million messages of several tenants, by HTTP, one request at a time. */
export async function searchBench(run: BenchRun): Promise<void> {
  const { askers, sizes, seconds } = await openSearchStage(run, MESSAGES);
  // The largest, one in the middle, and the smallest.
  const measured = askers.filter((_, place) => place % 2 === 0);
  for (const kind of KINDS) await measure(measured, kind, run);
  if (seconds !== undefined) run.add({ what: 'loading messages and index', unit: 's', wagate: seconds });
  const shares = SHAPE.map(({ sessions, share }) => `${String(share * 100)} % over ${String(sessions)}`);
  run.note(
    `${MESSAGES.toLocaleString('en')} messages of ${String(SHAPE.length)} tenants (${shares.join(', ')} sessions), half a year ` +
      `of twelve words each, loaded by COPY; ${sizes}. Pages of 50, ` +
      'requests of three tenants, one at a time; a page holds all that is shown of its messages.',
  );
}
