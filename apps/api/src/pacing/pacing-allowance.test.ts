import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compactPacing, pacingSchema, type Pacing } from '#contracts';
import { Database, type Query } from '#database';
import { newId } from '#kernel';
import { migratedDatabase, type MigratedDatabase } from '../../../../test/support/migrated-database.js';
import { forecast } from './pacing-forecast.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const MESSAGES = 30;
const START_MS = Date.UTC(2026, 0, 1);

interface Allowance {
  room: number;
  strangers: number | null;
  nextMs: number | null;
  nextStrangerMs: number | null;
}
interface Send {
  id: string;
  stranger: boolean;
  handedMs: number;
  endMs: number;
  isSent: boolean;
}

let own: MigratedDatabase;
let database: Database;
let tenantId: string;

beforeAll(async () => {
  own = await migratedDatabase();
  database = await Database.open({ url: own.appUrl });
  tenantId = newId('tnt');
  await database.workerSql((query) =>
    query(`INSERT INTO tenants (id, name) VALUES ($1, 'Pacing')`, [tenantId]),
  );
});
afterAll(async () => {
  await database?.close();
  await own?.drop();
});

/** One session on a clock of its own: time passes as the test says. */
class PacedSession {
  private readonly sessionId = newId('ses');
  readonly waiting: string[] = Array.from({ length: MESSAGES }, () => newId('msg'));
  private readonly policy: string;

  constructor(
    private readonly query: Query,
    pacing: Pacing,
  ) {
    this.policy = JSON.stringify(compactPacing(pacing));
  }

  async create(): Promise<this> {
    await this.query(
      `WITH s AS (INSERT INTO sessions (tenant_id, id, name, mode) VALUES ($1, $2, $2, 'test'))
       INSERT INTO messages (tenant_id, id, session_id, direction, origin, chat_wa_id, type, content, status)
       SELECT $1, m.id, $2, 'out', 'api', '1@c.us', 'text', '{}', 'queued' FROM unnest($3::text[]) AS m (id)`,
      [tenantId, this.sessionId, this.waiting],
    );
    return this;
  }

  async allowance(atMs: number): Promise<Allowance> {
    const [row] = await this.query<Allowance & object>(
      `SELECT room, strangers, nullif(extract(epoch FROM next_at) * 1000, 'infinity')::float8 AS "nextMs",
         nullif(extract(epoch FROM next_stranger_at) * 1000, 'infinity')::float8 AS "nextStrangerMs"
       FROM wagate_pacing_allowance($1, $2::jsonb, $3, 16, $4)`,
      [this.sessionId, this.policy, new Date(START_MS), new Date(atMs)],
    );
    if (!row) throw new Error('no allowance');
    return row;
  }

  async begin(id: string, stranger: boolean, atMs: number): Promise<void> {
    await this.query(
      `INSERT INTO message_attempts (tenant_id, message_id, number, session_id, wa_message_id, node_name, node_boot_id,
         epoch, claimed_by, started_at, paced, stranger)
       VALUES ($1, $2, 1, $3, $2, 'n', 'b', 1, 'a', $4, true, $5)`,
      [tenantId, id, this.sessionId, new Date(atMs), stranger],
    );
  }

  async end({ id, endMs, isSent }: Send): Promise<void> {
    await this.query(
      `UPDATE message_attempts SET ended_at = $3, outcome = $4 WHERE tenant_id = $1 AND message_id = $2`,
      [tenantId, id, new Date(endMs), isSent ? 'handed' : 'not_sent'],
    );
  }
}

/** Numbers from 0 to below 1 that look random (mulberry32, public domain). */
function numbersFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Sends everything as soon as the policy lets it; `draw` gives numbers from 0 to below 1. */
async function sendAll(session: PacedSession, draw: () => number): Promise<Send[]> {
  const sends: Send[] = [];
  let open: Send[] = [];
  let atMs = START_MS;
  while (session.waiting.length > 0) {
    for (const send of open.filter(({ endMs }) => endMs <= atMs)) await session.end(send);
    open = open.filter(({ endMs }) => endMs > atMs);
    const { room, strangers, nextMs, nextStrangerMs } = await session.allowance(atMs);
    const stranger = draw() < 0.3;
    const isHeld = stranger && strangers === 0;
    if (room > 0 && !isHeld) {
      const most = Math.min(room, stranger ? (strangers ?? room) : room, session.waiting.length);
      const count = 1 + Math.floor(draw() * most);
      for (const id of session.waiting.splice(0, count)) {
        const handedMs = atMs + Math.floor(draw() * 5_000);
        const endMs = handedMs + Math.floor(draw() * 3_000);
        const send = { id, stranger, handedMs, endMs, isSent: draw() < 0.9 };
        await session.begin(id, stranger, atMs);
        sends.push(send);
        open.push(send);
      }
    }
    // Whoever waits for room is told when: at that moment there is some, unless something is still under way.
    const told = room === 0 ? nextMs : isHeld ? nextStrangerMs : atMs + draw() * 2_000;
    const ends = open.map(({ endMs }) => endMs);
    const nextEventMs = Math.ceil(Math.min(told ?? Number.POSITIVE_INFINITY, ...ends));
    expect(nextEventMs).toBeLessThan(Number.POSITIVE_INFINITY);
    if (open.length === 0 && room === 0)
      expect((await session.allowance(nextEventMs)).room).toBeGreaterThan(0);
    atMs = Math.max(nextEventMs, atMs);
  }
  return sends;
}

function most(times: readonly number[], spanMs: number, endMs: number): number {
  return times.filter((time) => time > endMs - spanMs && time <= endMs).length;
}

function expectKept(policy: Pacing, sends: readonly Send[]): void {
  const times = sends.filter(({ isSent }) => isSent).map(({ handedMs }) => handedMs);
  times.sort((a, b) => a - b);
  const strangers = sends.filter(({ isSent, stranger }) => isSent && stranger).map((send) => send.handedMs);
  for (const [index, time] of times.entries()) {
    const { ramp, perDay } = policy;
    const days = Math.floor((time - START_MS) / DAY_MS);
    const ramped = ramp === null ? perDay : Math.min(perDay ?? 0, ramp.firstDay + ramp.morePerDay * days);
    expect(most(times, MINUTE_MS, time)).toBeLessThanOrEqual(policy.perMinute ?? MESSAGES);
    expect(most(times, HOUR_MS, time)).toBeLessThanOrEqual(policy.perHour ?? MESSAGES);
    expect(most(times, DAY_MS, time)).toBeLessThanOrEqual(ramped ?? MESSAGES);
    expect(most(strangers, DAY_MS, time)).toBeLessThanOrEqual(policy.strangersPerDay ?? MESSAGES);
    if (index > 0) expect(time - (times[index - 1] ?? 0)).toBeGreaterThanOrEqual(policy.gapMs);
  }
}

const capOf = (most: number) => fc.option(fc.integer({ min: 1, max: most }), { nil: null });
const policies = fc
  .record({
    gapMs: fc.constantFrom(0, 0, 500, 10_000),
    jitterMs: fc.constantFrom(0, 4_000),
    perMinute: capOf(5),
    perHour: capOf(12),
    perDay: capOf(25),
    strangersPerDay: capOf(6),
    ramp: fc.option(
      fc.record({ firstDay: fc.integer({ min: 1, max: 9 }), morePerDay: fc.integer({ min: 1, max: 9 }) }),
      {
        nil: null,
      },
    ),
  })
  .map((policy) => pacingSchema.parse({ ...policy, ramp: policy.perDay === null ? null : policy.ramp }));

describe('what a policy lets a session hand over', () => {
  it('never passes a cap in any stretch of time, nor falls below the gap, however sends overlap', async () => {
    await fc.assert(
      fc.asyncProperty(policies, fc.integer(), async (policy, seed) => {
        await database.workerSql(async (query) => {
          const session = await new PacedSession(query, policy).create();
          expectKept(policy, await sendAll(session, numbersFrom(seed)));
        });
      }),
      { numRuns: 25 },
    );
  });

  it('is what the forecast says, to the millisecond where there is no jitter', async () => {
    await fc.assert(
      fc.asyncProperty(policies, async (given) => {
        const policy = { ...given, jitterMs: 0, strangersPerDay: null };
        await database.workerSql(async (query) => {
          const session = await new PacedSession(query, policy).create();
          const handOvers: number[] = [];
          let atMs = START_MS;
          for (const id of [...session.waiting]) {
            for (
              let next = await session.allowance(atMs);
              next.room === 0;
              next = await session.allowance(atMs)
            ) {
              const growsMs = START_MS + (Math.floor((atMs - START_MS) / DAY_MS) + 1) * DAY_MS;
              atMs = Math.min(next.nextMs ?? growsMs, growsMs);
            }
            await session.begin(id, false, atMs);
            await session.end({ id, stranger: false, handedMs: atMs, endMs: atMs, isSent: true });
            handOvers.push(atMs);
          }
          const state = { nowMs: START_MS, linkedMs: START_MS, freeMs: START_MS, handOvers: [] };
          expect(handOvers.map((_, place) => forecast(policy, state, place))).toEqual(handOvers);
          const half = handOvers.slice(0, 15);
          const nowMs = half.at(-1) ?? START_MS;
          const later = { nowMs, linkedMs: START_MS, freeMs: nowMs + policy.gapMs, handOvers: half };
          expect(handOvers.slice(15).map((_, place) => forecast(policy, later, place))).toEqual(
            handOvers.slice(15),
          );
        });
      }),
      { numRuns: 10 },
    );
  });
});
