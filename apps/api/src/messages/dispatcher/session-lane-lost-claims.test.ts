import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Claim } from './claim-repository.js';
import { attemptKey } from './attempt-repository.js';
import type { AttemptResult, ClaimedMessage } from './claimed-message.js';
import { SessionLane } from './session-lane.js';

type Parts = ConstructorParameters<typeof SessionLane>[0];

interface Queued {
  id: string;
  chatId: string;
  attempt: number;
  state: 'queued' | 'sending' | 'done';
}

const CLAIM_AT_MOST = 8;
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

function toClaimed({ id, chatId, attempt }: Queued): ClaimedMessage {
  const session = { tenantId: 't', sessionId: 's', epoch: 1, nodeName: 'n', nodeUrl: 'u', bootId: 'b' };
  const content = { type: 'text' as const, text: 'Hi' };
  const nothing = { objectKey: null, mediaSize: null, quotedWaKey: null, expiresAt: null };
  const flags = { linkPreview: false, typing: false, crashes: 0 };
  return { session, id, chatId, attempt, waMessageId: 'w', content, ...flags, ...nothing };
}

/** A database whose answers get lost, and which others may hold for that of a dead process. */
class FailingQueue {
  readonly handed: string[] = [];
  lane: SessionLane | undefined;
  private readonly inFlight = new Set<string>();

  constructor(
    readonly messages: Queued[],
    private readonly next: () => 'well' | 'lost' | 'taken',
  ) {}

  get parts(): Parts {
    return {
      claim: () => this.claim(),
      recover: () => this.recover(),
      busyElsewhere: () => undefined,
      note: (messages) => this.note(messages),
      send: (message) => this.send(message),
      write: (result) => this.write(result),
      claimFailed: () => undefined,
    };
  }

  private async claim(): Promise<Claim> {
    await turn();
    const due = this.messages.filter(({ state }) => state === 'queued').slice(0, CLAIM_AT_MOST);
    if (due.length === 0) return { state: 'idle' };
    for (const message of due) {
      message.state = 'sending';
      message.attempt += 1;
    }
    if (this.next() === 'lost') throw new Error('the answer of the commit was lost');
    return { state: 'claimed', messages: due.map(toClaimed) };
  }

  private async recover(): Promise<void> {
    await turn();
    for (const message of this.messages) {
      const isLost = message.state === 'sending' && !this.lane?.has(message.id, message.attempt);
      if (isLost && !this.inFlight.has(message.id)) message.state = 'queued';
    }
  }

  /** Others ended what they took, and put it back into the queue. */
  private async note(messages: readonly ClaimedMessage[]): Promise<ReadonlySet<string>> {
    await turn();
    const isTaken = this.next() === 'taken';
    const keys = new Set<string>();
    for (const { id, attempt } of messages) {
      const message = this.messages.find((one) => one.id === id);
      if (!message || message.attempt !== attempt || message.state !== 'sending') continue;
      if (isTaken) message.state = 'queued';
      else keys.add(attemptKey(id, attempt));
    }
    return keys;
  }

  private async send({ id, attempt, chatId }: ClaimedMessage): ReturnType<Parts['send']> {
    const message = this.messages.find((one) => one.id === id);
    expect([message?.state, message?.attempt]).toEqual(['sending', attempt]);
    this.inFlight.add(id);
    await turn();
    this.handed.push(id);
    return {
      kind: 'outcome',
      outcome: { outcome: 'handed', waKey: 'k', chatId, ack: 0, timestamp: '2026-01-01T00:00:00.000Z' },
      held: false,
    };
  }

  private async write({ messageId, attempt, end }: AttemptResult): Promise<void> {
    await turn();
    this.inFlight.delete(messageId);
    const message = this.messages.find(({ id }) => id === messageId);
    if (message?.attempt !== attempt || message.state !== 'sending') return;
    message.state = end.kind === 'released' ? 'queued' : 'done';
  }
}

describe('a lane whose claims get lost, or whose messages are taken from it', () => {
  it('hands over every message once, in order within its chat, and calls nothing that is not its own', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(3), { minLength: 1, maxLength: 30 }),
        fc.array(fc.constantFrom('well' as const, 'well' as const, 'lost' as const, 'taken' as const), {
          maxLength: 30,
        }),
        async (chats, steps) => {
          let at = 0;
          const messages = chats.map((chat, i): Queued => ({
            id: `${String(chat)}-${String(i).padStart(3, '0')}`,
            chatId: String(chat),
            attempt: 0,
            state: 'queued',
          }));
          const queue = new FailingQueue(messages, () => steps[at++] ?? 'well');
          const lane = new SessionLane(queue.parts);
          queue.lane = lane;
          while (messages.some(({ state }) => state !== 'done')) {
            lane.wake({ reconnected: true });
            await turn();
          }
          await lane.stop();
          expect(queue.handed).toHaveLength(messages.length);
          for (const chat of new Set(chats)) {
            const inChat = queue.handed.filter((id) => id.startsWith(`${String(chat)}-`));
            expect(inChat).toEqual([...inChat].sort());
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('what a lane gives back', () => {
  const inChat = (id: string): Queued => ({ id, chatId: '0', attempt: 0, state: 'queued' });
  const areDone = async (messages: readonly Queued[]) => {
    // Nobody wakes the lane again.
    for (let turns = 0; turns < 1_000 && messages.some(({ state }) => state !== 'done'); turns += 1)
      await turn();
    expect(messages.map(({ state }) => state)).toEqual(messages.map(() => 'done'));
  };

  it('it claims again by itself: behind a message of unknown fate', async () => {
    const messages = [inChat('0-0'), inChat('0-1')];
    const queue = new FailingQueue(messages, () => 'well');
    const send: Parts['send'] = async (message) => {
      const end = await queue.parts.send(message);
      if (message.id !== '0-0') return end;
      return { kind: 'outcome', outcome: { outcome: 'unknown', reason: 'lost' }, held: false };
    };
    const lane = new SessionLane({ ...queue.parts, send });
    lane.wake();
    await areDone(messages);
    await lane.stop();
  });

  it('it claims again by itself: when it was told to hold while it claimed', async () => {
    const messages = [inChat('0-0')];
    const lane = new SessionLane(new FailingQueue(messages, () => 'well').parts);
    lane.wake();
    lane.hold();
    await areDone(messages);
    await lane.stop();
  });
});
