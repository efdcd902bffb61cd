import { expect, it } from 'vitest';
import { inWords } from './reason-words.js';

it.each([
  ['page_gone', 'the page of WhatsApp Web was not there (page_gone)'],
  ['the send (handed) failed with Error: r', 'WhatsApp Web failed after the hand-over had begun (Error: r)'],
  ['held: not yet', 'held: not yet'],
  // A page says what it likes, also what every object of the language has a member for.
  ['constructor', 'constructor'],
  ['the send (constructor) failed with Error: r', 'the send (constructor) failed with Error: r'],
])('says %j as %j', (reason, words) => {
  expect(inWords(reason)).toBe(words);
});
