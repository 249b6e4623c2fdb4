import { wordlist } from '@scure/bip39/wordlists/english.js';
import { describe, expect, it } from 'vitest';
import { madePin, makePin } from '../../src/handoff/pin.ts';
import { weaknessOf } from '../../src/identity/secret-strength.ts';

const typedAs = (text: string) => {
  const pin = madePin(Buffer.from(text));
  return pin === null ? null : Buffer.from(pin).toString();
};

describe('a PIN', () => {
  it('is five words when made here, another one each time, and never weak', () => {
    const pins = Array.from({ length: 200 }, () => makePin(wordlist));
    expect(new Set(pins).size).toBe(200);
    for (const pin of pins) {
      expect(pin.split('-').every((word) => wordlist.includes(word))).toBe(true);
      expect(pin.split('-')).toHaveLength(5);
      expect(weaknessOf(pin)).toBeNull();
    }
  });

  it.each([
    'apple tree house river stone',
    'Apple-Tree-House-River-Stone',
    'APPLE_TREE_HOUSE_RIVER_STONE',
    ' apple-tree-house-river-stone\n',
    'apple - tree - house - river - stone',
    'apple–tree—house‑river−stone',
    'apple\u00a0tree\u2003house\triver  stone',
    'apple, tree, house, river, stone.',
    '“apple-tree-house-river-stone”',
    'ａｐｐｌｅ　ｔｒｅｅ　ｈｏｕｓｅ　ｒｉｖｅｒ　ｓｔｏｎｅ',
  ])('that was made here is known however it is typed: %j', (text) => {
    expect(typedAs(text)).toBe('apple-tree-house-river-stone');
  });

  it.each([
    'apple-tree-house-river-stone',
    'apple tree house river',
    'apple tree house river stone six',
    'apple tree house river st0ne',
    'äpfel tree house river stone',
    'k7#mQ2zz',
    '',
  ])('has no other form than the typed one: %j', (text) => expect(typedAs(text)).toBeNull());
});
