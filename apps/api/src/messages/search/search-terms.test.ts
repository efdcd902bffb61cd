import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isFound, says, searchableText, toQuery, toTerms, wantedWords, wordsOf } from './search-terms.js';

const finds = (text: string, search: string) => isFound(wordsOf(text), wantedWords(search));

describe('a search', () => {
  it.each([
    ['Your order 4711 has left', 'order'],
    ['Your order 4711 has left', 'ORD left'],
    ['Your order 4711 has left', '47'],
    ['Счёт оплачен вчера', 'счёт'],
    ['ÜBERWEISUNG', 'überw'],
    ['发票已经付款了', '已经付款'],
    ['发票已经付款了', '付款了'],
    ['请看 Rechnung', '看 rech'],
    ['ご注文ありがとうございます', 'ありがとう'],
    ['ขอบคุณครับ', 'คุณ'],
    ['شكرا جزيلا', 'جزي'],
    ['नमस्ते दुनिया', 'दुनि'],
    ['감사합니다', '감사'],
    ['ｆｕｌｌ width', 'full'],
    ['well done 🎉', '🎉 done'],
  ])('of %s finds it by %s', (text, search) => {
    expect(finds(text, search)).toBe(true);
  });

  it.each([
    ['Your order has left', 'rder'],
    ['Your order has left', 'order arrived'],
    ['已经付款', '付已'],
    ['anything', '!!'],
  ])('of %s does not find it by %s', (text, search) => {
    expect(wantedWords(search).length > 0 && finds(text, search)).toBe(false);
  });

  it('finds any text by any beginning of its words', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), fc.nat(), (text, pick) => {
        const words = wordsOf(text);
        const word = words[pick % Math.max(1, words.length)];
        if (word !== undefined) expect(finds(text, word)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['请看Rechnung发票', 'rech'],
    ['a发票b', '发'],
    ['well🎉done', 'done'],
    ['ﬁnally', 'final'],
    ['300 \u212a', 'k'],
    ['reorder the order', 'order'],
    ['xé́b', 'xé'],
  ])('looks through %s and finds it by %s', (text, search) => {
    expect(says({ type: 'text', text }, wantedWords(search))).toBe(true);
  });

  it('finds the same by what messages say as by their words', () => {
    const unit = fc.constantFrom(...'abcAé1 -\n发票ขอK', 'ﬁ', '\u0301', '\u212a', 'ｆ', '🎉', 'ß', 'İ');
    const text = (maxLength: number) => fc.string({ unit, maxLength });
    fc.assert(
      fc.property(text(40), text(4), (said, search) => {
        const wanted = wantedWords(search);
        expect(says({ type: 'text', text: said }, wanted)).toBe(isFound(wordsOf(said), wanted));
      }),
      { numRuns: 5_000 },
    );
  });

  it('writes terms and queries that hold nothing to be escaped', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
        const plain = /^[^'\\#&|!():*<>\s]*$/u;
        for (const word of wordsOf(text)) expect(word).toMatch(plain);
        for (const { word } of wantedWords(text)) expect(word).toMatch(plain);
      }),
      { numRuns: 500 },
    );
    expect(toTerms(3, 7, ['a1', 'ü'])).toBe(`'3.7.a1' '3.7.ü'`);
    expect(toQuery(3, wantedWords('a1 已经'))).toBe(`'3.#.a1':* & '3.#.已经'`);
  });

  it('looks into captions, file names, polls and places', () => {
    const media = { mimeType: 'image/png', filename: 'Invoice.pdf', size: 1, sha256: null };
    expect(searchableText({ type: 'document', caption: 'For you', media })).toBe('For you\nInvoice.pdf');
    expect(searchableText({ type: 'poll', question: 'Tea?', choices: ['Yes', 'No'] })).toBe('Tea?\nYes\nNo');
    expect(searchableText({ type: 'location', latitude: 1, longitude: 2, name: 'Harbour' })).toBe('Harbour');
  });
});
