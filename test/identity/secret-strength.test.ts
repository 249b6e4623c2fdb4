import { describe, expect, it } from 'vitest';
import { weaknessOf } from '../../src/identity/secret-strength.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

describe('a new passphrase or PIN', () => {
  it.each(['', '1234567', '🔑🔑🔑🔑', 'пароль', 'short'])('of fewer than 8 characters won’t do: %j', (secret) => {
    expect(weaknessOf(secret)).toContain('fewer than 8');
    expect(weaknessOf(bytes(secret))).toContain('fewer than 8');
  });

  it.each([
    ['one character', 'aaaaaaaa'],
    ['one character', 'aAaAaAaA'],
    ['one character', '🔑🔑🔑🔑🔑🔑🔑🔑'],
    ['one character', '        '],
    ['a run', '12345678'],
    ['a run', '1234567890'],
    ['a run', '87654321'],
    ['a run', 'abcdefgh'],
    ['a run', 'HGFEDCBA'],
    ['a run', '7890123456'],
    ['a run', 'qwer1234'],
    ['a run', '1234QWER'],
    ['a run', 'abc123xyz'],
    ['a run', 'poiuytre'],
    ['a run', 'qwertz-uiop'],
    ['a run', 'абвгдежз'],
    ['a run', '1-2-3-4-5-6-7-8'],
    ['a run', '1 2 3 4 5 6 7 8 9'],
    ['digits alone', '19840523'],
    ['digits alone', '1984-05-23'],
    ['digits alone', '73920184562'],
    ['digits alone', '٧٣٩٢٠١٨٤'],
    ['the same few', 'abababab'],
    ['the same few', 'abcabcabc'],
    ['the same few', '12ab12ab12ab'],
    ['the first', 'Password1'],
    ['the first', 'Passw0rd2026!'],
    ['the first', '!!P@$$w0rd!!'],
    ['a run', 'qwertyuiop'],
    ['a run', 'QWERTZ12345'],
    ['the first', 'letmein2026'],
    ['the first', 'Summer2026!'],
  ])('is refused as %s: %s', (why, secret) => {
    expect(weaknessOf(secret)).toContain(why);
    expect(weaknessOf(bytes(secret))).toContain(why);
  });

  it.each([
    ...['correct horse battery', 'a good passphrase', '739201845621', 'längeres', 'пароль-длинный', 'k7#mQ2zz'],
    ...[
      '🔑🔑🔑 key 1',
      'пароль-д',
      '密码密码密码密码x',
      'testimony',
      'my password is long',
      '1234wxa5678',
      'abduction',
      'defghost',
    ],
  ])('is taken: %s', (secret) => expect(weaknessOf(secret)).toBeNull());
});
