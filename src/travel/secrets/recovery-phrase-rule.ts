import type { FoundSecret, SecretRule } from './secret-rule.ts';

/** The numbers of words that a recovery phrase can have (BIP 39), the longest first. */
const LENGTHS = [24, 21, 18, 15, 12];
/** Words as long as those of the list, in one case, with a space or a number (`3. word`) between them. */
const WORDS = /(?<![A-Za-z])[a-z]{3,8}(?:[ \t\r\n]{1,3}(?:\d{1,2}[.):]? )?[a-z]{3,8}){11,60}(?![A-Za-z])/g;

/** Recovery phrases: words of the list, whose checksum is right. Prose has neither. */
async function phrasesIn(text: string): Promise<FoundSecret[]> {
  const found: FoundSecret[] = [];
  const runs = [...text.matchAll(WORDS)];
  if (runs.length === 0) return found;
  const [{ wordlist }, { validateMnemonic }] = await Promise.all([
    import('@scure/bip39/wordlists/english.js'),
    import('@scure/bip39'),
  ]);
  const known = new Set(wordlist);
  for (const { index, 0: run } of runs) {
    const words = [...run.matchAll(/[a-z]+/g)].map((match) => ({ word: match[0], at: index + match.index }));
    for (let first = 0; first + 12 <= words.length; ) {
      const unknown = words.slice(first, first + 12).findLastIndex(({ word }) => !known.has(word));
      const length =
        unknown >= 0 ? undefined : LENGTHS.find((count) => isPhrase(words.slice(first, first + count), count));
      if (length !== undefined) {
        const last = words[first + length - 1] as { word: string; at: number };
        found.push({ kind: 'recovery phrase', start: words[first]?.at ?? 0, end: last.at + last.word.length });
      }
      first += length ?? Math.max(unknown, 0) + 1;
    }
  }
  return found;

  function isPhrase(words: readonly { readonly word: string }[], count: number): boolean {
    const phrase = words.map(({ word }) => word);
    return (
      phrase.length === count && phrase.every((word) => known.has(word)) && validateMnemonic(phrase.join(' '), wordlist)
    );
  }
}

/** Recovery phrases, near a word that tells of one: to look everywhere would take longer than all else. */
export const RECOVERY_PHRASE_RULE: SecretRule = {
  anchors: ['mnemonic', 'recovery', 'seed', 'phrase', 'backup words', '12 words', '24 words'],
  reach: 600,
  find: phrasesIn,
};
