import { wordlist } from '@scure/bip39/wordlists/english.js';
import { describe, expect, it } from 'vitest';
import { makePin, weaknessOfPin } from '../../src/handoff/pin.ts';

describe('a PIN', () => {
  it.each([
    '1234567',
    'aaaaaaaa',
    '12345678',
    '87654321',
    'abcdefgh',
    'hgfedcba',
    '7890123456',
    '19840523',
    '73920184562',
    'Password1',
    'qwertyuiop',
  ])('is refused if it is as weak as %s', (pin) => expect(weaknessOfPin(pin)).not.toBeNull());

  it.each(['correct horse battery', '739201845621', 'längeres', 'пароль-длинный', 'k7#mQ2zz', '🔑🔑🔑 key 1'])(
    'is taken: %s',
    (pin) => expect(weaknessOfPin(pin)).toBeNull(),
  );

  it('is five words when made here, another one each time, and never weak', () => {
    const pins = Array.from({ length: 200 }, () => makePin(wordlist));
    expect(new Set(pins).size).toBe(200);
    for (const pin of pins) {
      expect(pin.split('-').every((word) => wordlist.includes(word))).toBe(true);
      expect(pin.split('-')).toHaveLength(5);
      expect(weaknessOfPin(pin)).toBeNull();
    }
  });
});
