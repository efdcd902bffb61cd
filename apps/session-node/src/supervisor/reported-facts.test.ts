import { describe, expect, it } from 'vitest';
import type { MessageContent } from '#contracts';
import type { InboxFact } from '../drivers/driver.js';
import { ReportedFacts } from './reported-facts.js';

const CHAT = '4915112345678@c.us';
const PERSON = { id: CHAT, phone: '4915112345678', lid: null, name: null };
const AT = new Date(1_000_000).toISOString();
const LATER = new Date(2_000_000).toISOString();

function upsert(id: string, content: MessageContent = { type: 'text', text: 'hi' }, ack?: number): InboxFact {
  const fromMe = ack !== undefined;
  return {
    kind: 'message.upsert',
    message: {
      waKey: `${String(fromMe)}_${CHAT}_${id}`,
      waMessageId: id,
      fromMe,
      chat: { ...PERSON, kind: 'person' },
      author: PERSON,
      timestamp: AT,
      content,
      quotedWaMessageId: null,
      ack: ack ?? null,
      origin: 'live',
    },
  };
}

function ack(id: string, risen: number): InboxFact {
  const waKey = `true_${CHAT}_${id}`;
  return { kind: 'message.ack', waKey, waMessageId: id, chatId: CHAT, ack: risen, at: AT };
}

const targetOf = (id: string) => ({
  waKey: `false_${CHAT}_${id}`,
  waMessageId: id,
  fromMe: false,
  chat: { ...PERSON, kind: 'person' as const },
});

function edit(id: string, editedAt = AT): InboxFact {
  return { kind: 'message.edit', target: targetOf(id), content: { type: 'text', text: 'ho' }, editedAt };
}

function revoke(id: string, at = AT): InboxFact {
  return { kind: 'message.revoke', target: targetOf(id), by: null, at };
}

function reactions(id: string, emoji: string | null, wholeAt: string | null = null, at = AT): InboxFact {
  const reaction = { sender: PERSON, fromMe: false, emoji, at };
  return { kind: 'message.reactions', target: targetOf(id), reactions: [reaction], wholeAt };
}

function vote(choices: string[] | null, at = AT): InboxFact {
  return { kind: 'poll.vote', target: targetOf('P'), voter: PERSON, fromMe: false, choices, at };
}

describe('ReportedFacts', () => {
  const undecryptable: MessageContent = { type: 'undecryptable' };
  const revoked: MessageContent = { type: 'unsupported', waType: 'revoked' };

  it.each([
    ['a message once', [upsert('A'), upsert('A')], 1],
    ['what was decrypted', [upsert('A', undecryptable), upsert('A')], 2],
    [
      'not what the page can no longer read',
      [upsert('A'), upsert('A', undecryptable), upsert('A', revoked)],
      1,
    ],
    ['an ack that rises', [upsert('A', undefined, 0), ack('A', 1), ack('A', 1), ack('A', 2)], 3],
    ['an ack as part of its message', [upsert('A', undefined, 1), ack('A', 1), upsert('A', undefined, 2)], 2],
    ['a failure after an ack', [ack('A', 0), ack('A', -1)], 2],
    ['each edit', [edit('A'), edit('A'), edit('A', LATER)], 2],
    ['a revoke once, whatever its time', [revoke('A'), revoke('A', LATER)], 1],
    ['each reaction', [reactions('A', '👍'), reactions('A', '👍'), reactions('A', null, null, LATER)], 2],
    [
      'all reactions again once a single one came between',
      [reactions('A', '👍', AT), reactions('A', '❤️', null, LATER), reactions('A', '👍', LATER)],
      3,
    ],
    ['each vote', [vote(['Yes']), vote(['Yes']), vote([], LATER)], 2],
    ['a vote again when its choices are known', [vote(null), vote(null), vote(['Yes']), vote(null)], 2],
    ['all reactions once', [reactions('A', '👍', AT), reactions('A', '👍', LATER)], 1],
  ] as [string, InboxFact[], number][])('reports %s', (_what, facts, count) => {
    const reported = new ReportedFacts();
    expect(facts.flatMap((fact) => reported.news([fact]))).toHaveLength(count);
  });

  it('repeats the changes behind a message that is news', () => {
    const reported = new ReportedFacts();
    const changes = [edit('A'), revoke('A'), reactions('A', '👍', AT)];
    expect(reported.news(changes)).toEqual(changes);
    expect(reported.news(changes)).toEqual([]);
    expect(reported.news([upsert('A'), ...changes])).toEqual([upsert('A'), ...changes]);
  });

  it('reports again what did not get through', () => {
    const reported = new ReportedFacts();
    const facts = [upsert('A'), edit('A'), reactions('A', '👍')];
    reported.news(facts);
    for (const fact of facts) reported.forget(fact);
    expect(reported.news(facts)).toEqual(facts);
  });
});
