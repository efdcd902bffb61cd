import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SendOutcome } from '#contracts';
import { CLAIM_SIZE, type Claim, type ClaimWish } from './claim-repository.js';
import { attemptKey } from './attempt-repository.js';
import type { AttemptResult, ClaimedMessage } from './claimed-message.js';
import type { LaneParts } from './lane-parts.js';
import { MOST_IN_FLIGHT, MOST_NOTED } from './lane-calls.js';
import { SessionLane } from './session-lane.js';

interface Queued {
  id: string;
  chatId: string;
  state: 'queued' | 'sending' | 'done' | 'unknown';
}

const HANDED: SendOutcome = {
  outcome: 'handed',
  waKey: 'k',
  chatId: 'c',
  ack: 0,
  timestamp: '2026-01-01T00:00:00.000Z',
};
const OUTCOMES: Record<string, SendOutcome> = {
  handed: HANDED,
  again: { outcome: 'not_sent', retry: true, code: 'busy', reason: 'busy' },
  refused: { outcome: 'not_sent', retry: false, code: 'rejected', reason: 'no' },
  unknown: { outcome: 'unknown', reason: 'lost' },
};

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) await turn();
}

/** The queue as the database keeps it, with answers that take their time. */
class Queue {
  readonly handed: string[] = [];
  readonly called: string[] = [];
  private readonly noted = new Set<string>();
  mostInFlight = 0;
  mostNoted = 0;
  private inFlight = new Set<string>();

  constructor(
    readonly messages: Queued[],
    private readonly next: () => { outcome: SendOutcome; slowness: number },
  ) {}

  parts(): LaneParts {
    return {
      claim: (wish) => this.claim(wish),
      recover: () => Promise.resolve(),
      busyElsewhere: () => undefined,
      note: async (messages) => {
        await turns(this.next().slowness);
        this.addNoted(messages.map(({ id }) => id));
        return new Set(messages.map(({ id, attempt }) => attemptKey(id, attempt)));
      },
      send: (message) => this.send(message),
      write: (result) => this.write(result),
      claimFailed: (error) => expect(error).toBeUndefined(),
    };
  }

  async claim({ full = [], busy = [], notes = 0 }: ClaimWish = {}): Promise<Claim> {
    await turns(this.next().slowness);
    const due = this.messages
      .filter(({ state, chatId }) => state === 'queued' && !full.includes(chatId))
      .slice(0, CLAIM_SIZE);
    if (due.length === 0) return { state: 'idle' };
    for (const message of due) message.state = 'sending';
    await turn();
    return { state: 'claimed', messages: due.map(toClaimed), noted: this.noteFirst(due, busy, notes) };
  }

  private noteFirst(due: readonly Queued[], busy: readonly string[], notes: number): Set<string> {
    const chats = new Set(busy);
    const first = due.filter(({ chatId }) => !chats.has(chatId) && chats.add(chatId)).slice(0, notes);
    this.addNoted(first.map(({ id }) => id));
    return new Set(first.map(({ id }) => attemptKey(id, 1)));
  }

  private addNoted(ids: readonly string[]): void {
    for (const id of ids) this.noted.add(id);
    this.mostNoted = Math.max(this.mostNoted, this.noted.size + this.inFlight.size);
  }

  async send({ id, chatId }: ClaimedMessage) {
    if (this.inFlight.has(chatId)) throw new Error(`two sends at once in ${chatId}`);
    if (!this.noted.delete(id)) throw new Error(`${id} is called before that is noted`);
    this.inFlight.add(chatId);
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight.size);
    this.called.push(id);
    const { outcome, slowness } = this.next();
    await turns(slowness);
    this.inFlight.delete(chatId);
    if (outcome.outcome === 'handed') this.handed.push(id);
    return { kind: 'outcome' as const, outcome, held: false };
  }

  async write({ messageId, end }: AttemptResult): Promise<void> {
    this.noted.delete(messageId);
    await turns(this.next().slowness);
    const message = this.messages.find(({ id }) => id === messageId);
    if (message) message.state = stateAfter(end);
  }
}

function stateAfter(end: AttemptResult['end']): Queued['state'] {
  if (end.kind === 'released') return 'queued';
  if (end.outcome.outcome === 'unknown') return 'unknown';
  return end.outcome.outcome === 'not_sent' && end.outcome.retry ? 'queued' : 'done';
}

function toClaimed({ id, chatId }: Queued): ClaimedMessage {
  const session = { tenantId: 't', sessionId: 's', epoch: 1, nodeName: 'n', nodeUrl: 'u', bootId: 'b' };
  return {
    session,
    id,
    chatId,
    attempt: 1,
    crashes: 0,
    waMessageId: 'w',
    content: { type: 'text', text: 'Hi' },
    linkPreview: false,
    typing: false,
    expiresAt: null,
    objectKey: null,
    mediaSize: null,
    quotedWaKey: null,
  };
}

const stepArb = fc.record({
  outcome: fc.constantFrom('handed', 'handed', 'handed', 'handed', 'again', 'refused', 'unknown'),
  slowness: fc.nat(3),
});

describe('a lane', () => {
  it('hands over each message at most once, in order within its chat, few at once and few noted, whatever is answered', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(29), { minLength: 1, maxLength: 60 }),
        fc.array(stepArb, { minLength: 20, maxLength: 60 }),
        async (chats, steps) => {
          let at = 0;
          const next = () => {
            const step = steps[at++];
            return { outcome: OUTCOMES[step?.outcome ?? 'handed'] ?? HANDED, slowness: step?.slowness ?? 0 };
          };
          const queue = new Queue([], next);
          const lane = new SessionLane(queue.parts());
          for (const [i, chat] of chats.entries()) {
            queue.messages.push({
              id: `${String(chat)}-${String(i).padStart(3, '0')}`,
              chatId: String(chat),
              state: 'queued',
            });
            lane.wake({ chats: [String(chat)] });
            if (i % 7 === 0) await turn();
          }
          while (queue.messages.some(({ state }) => state === 'queued' || state === 'sending')) {
            // A pause after "again" is cut short, as by the news that the session is back.
            lane.wake({ reconnected: true });
            await turn();
          }
          await lane.stop();
          expect(new Set(queue.handed).size).toBe(queue.handed.length);
          for (const chat of new Set(chats)) {
            const inChat = queue.handed.filter((id) => id.startsWith(`${String(chat)}-`));
            expect(inChat).toEqual([...inChat].sort());
          }
          expect(queue.mostInFlight).toBeLessThanOrEqual(MOST_IN_FLIGHT);
          expect(queue.mostNoted).toBeLessThanOrEqual(MOST_NOTED);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('has few noted at a time, however many chats wait', async () => {
    const messages = Array.from({ length: 60 }, (_, i): Queued => {
      const chatId = String(i).padStart(3, '0');
      return { id: `${chatId}-0`, chatId, state: 'queued' };
    });
    let count = 0;
    const queue = new Queue(messages, () => ({ outcome: HANDED, slowness: (count += 1) % 7 }));
    const lane = new SessionLane(queue.parts());
    lane.wake();
    while (queue.handed.length < messages.length) await turn();
    await lane.stop();
    expect(queue.mostInFlight).toBe(MOST_IN_FLIGHT);
    expect(queue.mostNoted).toBe(MOST_NOTED);
  });

  it('gives back what it had not called when it is stopped, and calls nothing more', async () => {
    const messages = Array.from({ length: 10 }, (_, i): Queued => ({
      id: `0-${String(i)}`,
      chatId: '0',
      state: 'queued',
    }));
    const queue = new Queue(messages, () => ({ outcome: HANDED, slowness: 5 }));
    const lane = new SessionLane(queue.parts());
    lane.wake();
    while (queue.called.length === 0) await turn();
    await lane.stop();
    expect(queue.called).toHaveLength(1);
    expect(messages.map(({ state }) => state)).toEqual([
      'done',
      ...Array.from({ length: 9 }, () => 'queued'),
    ]);
    lane.wake();
    await turns(20);
    expect(queue.called).toHaveLength(1);
  });

  it('lets other chats go on behind a burst in one whose first message takes its time', async () => {
    const messages = Array.from({ length: 60 }, (_, i): Queued => {
      const chatId = i === 50 ? '1' : '0';
      return { id: `${chatId}-${String(i).padStart(3, '0')}`, chatId, state: 'queued' };
    });
    const queue = new Queue(messages, () => ({ outcome: HANDED, slowness: 0 }));
    const parts = queue.parts();
    let open = () => {};
    const opened = new Promise<void>((resolve) => (open = resolve));
    const send: LaneParts['send'] = async (message) => {
      if (message.id === '0-000') await opened;
      return parts.send(message);
    };
    const lane = new SessionLane({ ...parts, send });
    lane.wake();
    while (queue.handed.length === 0) await turn();
    expect(queue.handed).toEqual(['1-050']);
    open();
    // Nobody wakes it again.
    while (messages.some(({ state }) => state !== 'done')) await turn();
    await lane.stop();
    const burst = queue.handed.slice(1);
    expect(burst).toEqual([...burst].sort());
  });

  it('looks through the queue no more for what comes for a chat that has enough', async () => {
    const inChat = (i: number): Queued => ({ id: `0-${String(i)}`, chatId: '0', state: 'queued' });
    const messages = [0, 1, 2].map(inChat);
    const queue = new Queue(messages, () => ({ outcome: HANDED, slowness: 0 }));
    const parts = queue.parts();
    let open = () => {};
    const opened = new Promise<void>((resolve) => (open = resolve));
    let claims = 0;
    const lane = new SessionLane({
      ...parts,
      claim: (full) => {
        claims += 1;
        return parts.claim(full);
      },
      send: async (message) => {
        await opened;
        return parts.send(message);
      },
    });
    lane.wake();
    while (messages[2]?.state !== 'sending') await turn();
    // One more look may be had, which passes over the chat.
    lane.wake();
    await turns(200);
    const before = claims;
    // Longer than the pause after a look that passed over a chat.
    for (const untilMs = performance.now() + 150; performance.now() < untilMs; await turn()) {
      if (messages.length < 50) messages.push(inChat(messages.length));
      lane.wake({ chats: ['0'] });
    }
    expect(claims).toBe(before);
    open();
    // Nobody wakes it again.
    while (messages.some(({ state }) => state !== 'done')) await turn();
    await lane.stop();
    expect(queue.handed).toHaveLength(50);
  });

  it.each(['locked', 'busy'] as const)('rests between claims that are answered "%s"', async (state) => {
    const messages: Queued[] = [{ id: '0-0', chatId: '0', state: 'queued' }];
    const queue = new Queue(messages, () => ({ outcome: HANDED, slowness: 0 }));
    let isHeld = true;
    let claims = 0;
    const claim = async (): Promise<Claim> => {
      claims += 1;
      return isHeld ? Promise.resolve({ state }) : queue.claim();
    };
    const lane = new SessionLane({ ...queue.parts(), claim });
    lane.wake();
    await turns(1_000);
    // Each rest takes longer than a turn does.
    expect(claims).toBeLessThan(100);
    isHeld = false;
    while (messages[0]?.state !== 'done') await turn();
    await lane.stop();
  });
});
