import type { MessageContent } from '#contracts';

/** Messages of a tenant that share a block of the index, in the order of their ids. */
export const BLOCK_SIZE = 8_192;
/** Longer words are cut, in messages and searches alike. */
const LONGEST_WORD = 64;
const MOST_WORDS = 2_000;

/** Scripts that put no space between words; their text is known by its pairs of letters. */
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
const LATIN = /^[a-z0-9]/;
const RUN = /[\p{L}\p{M}\p{N}]+|\p{Extended_Pictographic}/gu;

/** What a message says that can be searched: its text, and the names in it. */
export function searchableText(content: MessageContent): string {
  switch (content.type) {
    case 'text':
      return content.text;
    case 'location':
      return content.name ?? '';
    case 'poll':
      return [content.question, ...content.choices].join('\n');
    case 'contacts':
    case 'undecryptable':
    case 'unsupported':
      return '';
    default:
      return [content.caption ?? '', 'media' in content ? (content.media.filename ?? '') : ''].join('\n');
  }
}

/** The words of a text, each once, in any script and without regard to case. */
export function wordsOf(text: string): string[] {
  const words = new Set<string>();
  for (const part of partsOf(text)) {
    if (words.size >= MOST_WORDS) break;
    if (!part.isUnspaced) words.add(part.text);
    else for (const pair of pairsOf(part.text, true)) words.add(pair);
  }
  return [...words];
}

/** What the words of a message must hold for it to be found; each is the beginning of a word unless `isWhole`. */
export function wantedWords(search: string): { word: string; isWhole: boolean }[] {
  return partsOf(search).flatMap(({ text, isUnspaced }) => {
    if (!isUnspaced) return [{ word: text, isWhole: false }];
    const pairs = pairsOf(text, false);
    return pairs.map((word) => ({ word, isWhole: pairs.length > 1 || word.length > 1 }));
  });
}

/** Whether a message with these words is found: all that is wanted is there. */
export function isFound(words: readonly string[], wanted: ReturnType<typeof wantedWords>): boolean {
  return wanted.every(({ word, isWhole }) =>
    words.some((one) => (isWhole ? one === word : one.startsWith(word))),
  );
}

/** Whether a message is found by what it says. Most that are not are told from the letters alone. */
export function says(content: MessageContent, wanted: ReturnType<typeof wantedWords>): boolean {
  const text = searchableText(content);
  const letters = lettersOf(text);
  return wanted.every(({ word }) => mayHold(letters, word)) && isFound(wordsOf(text), wanted);
}

/** A word of letters that part words by spaces does not begin behind another such letter. */
function mayHold(letters: string, word: string): boolean {
  const isLatin = LATIN.test(word);
  for (let at = letters.indexOf(word); at >= 0; at = letters.indexOf(word, at + 1)) {
    if (at === 0 || !isLatin || !LATIN.test(letters[at - 1] ?? '')) return true;
  }
  return false;
}

/** A message's terms as a Postgres tsvector; words hold letters and digits only, so nothing needs escaping. */
export function toTerms(tenantNumber: number, block: number, words: readonly string[]): string {
  return words.map((word) => `'${String(tenantNumber)}.${String(block)}.${word}'`).join(' ');
}

/** A search as a Postgres tsquery for one block, whose number is to be put in place of each `#`. */
export function toQuery(tenantNumber: number, wanted: ReturnType<typeof wantedWords>): string {
  return wanted
    .map(({ word, isWhole }) => `'${String(tenantNumber)}.#.${word}'${isWhole ? '' : ':*'}`)
    .join(' & ');
}

interface Part {
  text: string;
  isUnspaced: boolean;
}

function lettersOf(text: string): string {
  return text.normalize('NFKC').toLowerCase();
}

/** Runs of letters and digits, cut where the way of writing changes. */
function partsOf(text: string): Part[] {
  const parts: Part[] = [];
  for (const [run] of lettersOf(text).matchAll(RUN)) {
    if (!UNSPACED.test(run)) {
      parts.push({ text: run.slice(0, LONGEST_WORD), isUnspaced: false });
      continue;
    }
    let current: Part | undefined;
    for (const letter of run) {
      const isUnspaced = UNSPACED.test(letter);
      // A mark belongs to the letter before it.
      if (current && (current.isUnspaced === isUnspaced || /\p{M}/u.test(letter))) current.text += letter;
      else parts.push((current = { text: letter, isUnspaced }));
    }
  }
  return parts;
}

/** @param andLast also the last letter alone, so that a search for one letter finds it at the end too */
function pairsOf(text: string, andLast: boolean): string[] {
  const letters = [...text];
  const pairs = letters.slice(1).map((letter, n) => `${letters[n] ?? ''}${letter}`);
  if (andLast || letters.length === 1) pairs.push(letters.at(-1) ?? '');
  return pairs;
}
