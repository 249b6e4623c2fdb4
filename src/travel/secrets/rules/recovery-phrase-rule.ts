import { createHash } from 'node:crypto';
import type { FoundSecret, SecretRule } from './secret-rule.ts';

/** The numbers of words that a recovery phrase can have (BIP 39). */
const LENGTHS = [24, 21, 18, 15, 12];
const SHORTEST = 12;
/** So many other words of the list may stand right before a phrase: each is tried as its first. */
const FIRST_WORDS = 8;
/** Words as long as those of the list, with white space or a number (`3. word`) between them. */
const WORDS = /(?<![A-Za-z])[a-z]{3,8}(?:[ \t\r\n]{1,3}(?:\d{1,2}[.):]? )?[a-z]{3,8}){11,60}(?![A-Za-z])/g;

interface Word {
  /** Its number in the list. */
  readonly number: number | undefined;
  readonly start: number;
  readonly end: number;
}

/** Recovery phrases: words of the list, whose checksum is right. Prose has neither. */
async function phrasesIn(text: string): Promise<FoundSecret[]> {
  const runs = [...text.matchAll(WORDS)];
  if (runs.length === 0) return [];
  const { wordlist } = await import('@scure/bip39/wordlists/english.js');
  const numbers = new Map(wordlist.map((word, number) => [word, number]));
  return runs.flatMap(({ index, 0: run }) => {
    const words = [...run.matchAll(/[a-z]+/g)].map((match): Word => {
      const start = index + match.index;
      return { number: numbers.get(match[0]), start, end: start + match[0].length };
    });
    return [...phrasesAmong(words)];
  });
}

function* phrasesAmong(words: readonly Word[]): Iterable<FoundSecret> {
  for (let first = 0; first + SHORTEST <= words.length; ) {
    const unknown = words.findIndex(({ number }, i) => i >= first && number === undefined);
    const listed = words.slice(first, unknown < 0 ? words.length : unknown);
    yield* isPhrase(listed) ? [placeOf(listed)] : within(listed);
    first += listed.length + 1;
  }
}

/** By chance one in sixteen is right: all that may be one are, so that the real one is among them. */
function* within(listed: readonly Word[]): Iterable<FoundSecret> {
  for (let start = 0; start < FIRST_WORDS; start += 1) {
    for (const length of LENGTHS) {
      const phrase = listed.slice(start, start + length);
      if (phrase.length === length && isPhrase(phrase)) yield placeOf(phrase);
    }
  }
}

const placeOf = (words: readonly Word[]): FoundSecret => ({
  kind: 'recovery phrase',
  start: words[0]?.start ?? 0,
  end: words.at(-1)?.end ?? 0,
});

/**
 * True if the last bits of the words' numbers are the first ones of the digest of all others. `@scure/bip39`
 * tells it too, in 20 times as long: it looks for each word in the whole list.
 */
function isPhrase(words: readonly Word[]): boolean {
  if (!LENGTHS.includes(words.length)) return false;
  // Not the same words again and again, nor the list itself.
  if (new Set(words.map(({ number }) => number)).size < words.length / 2) return false;
  if (words.every(({ number = 0 }, i) => number > (words[i - 1]?.number ?? -1))) return false;
  const checksumBits = words.length / 3;
  const all = words.reduce((bits, { number = 0 }) => (bits << 11n) | BigInt(number), 0n);
  const entropy = (all >> BigInt(checksumBits)).toString(16).padStart(checksumBits * 8, '0');
  const [digest = 0] = createHash('sha256').update(Buffer.from(entropy, 'hex')).digest();
  return Number(all & ((1n << BigInt(checksumBits)) - 1n)) === digest >> (8 - checksumBits);
}

/** Recovery phrases, near a word that tells of one: to look everywhere would take longer than all else. */
export const RECOVERY_PHRASE_RULE: SecretRule = {
  anchors: ['mnemonic', 'recovery', 'seed', 'phrase', 'backup words', '12 words', '24 words'],
  reach: 600,
  find: phrasesIn,
};
