import type { NodeFact } from '#contracts';
import { chatWith, named, targetIn, type Two } from './inbound.js';
import { OWN_PHONE } from './messaging.js';

export const ALEX: Two = { phone: '4915112345678', lid: '83746582910374@lid' };
export const SAM: Two = { phone: '4915112345679', lid: '83746582910375@lid' };
/** A minute of the hour in which everything happens. */
export const at = (minute: number) => `2026-01-01T10:${String(minute).padStart(2, '0')}:00.000Z`;

/** Alex edited one of his messages. */
export function edit(
  id: string,
  text: string,
  minute: number,
  by: 'lid' | 'phone' | 'both' = 'both',
): NodeFact {
  const content = { type: 'text' as const, text };
  return { kind: 'message.edit', target: targetIn(chatWith(ALEX, by), id), content, editedAt: at(minute) };
}

/** Alex deleted one of his messages. */
export function revoke(id: string, minute: number): NodeFact {
  const by = named(ALEX, 'both');
  return { kind: 'message.revoke', target: targetIn(chatWith(ALEX, 'both'), id), by, at: at(minute) };
}

/** Somebody reacted in the chat with Alex; `null` takes the reaction back. */
export function react(
  id: string,
  who: Two | 'me',
  emoji: string | null,
  minute: number,
  wholeAt: string | null = null,
): NodeFact {
  const sender = who === 'me' ? named({ phone: OWN_PHONE, lid: '' }, 'phone') : named(who, 'both');
  const reactions = [{ sender, fromMe: who === 'me', emoji, at: at(minute) }];
  return { kind: 'message.reactions', target: targetIn(chatWith(ALEX, 'both'), id), reactions, wholeAt };
}
