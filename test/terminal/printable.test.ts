import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { excerpt, printable, sentence } from '../../src/terminal/printable.ts';

describe('text from outside', () => {
  it.each([
    ['colours', '\u001b[31mred\u001b[0m', 'red'],
    ['a window title', 'a\u001b]0;owned\u0007b', 'ab'],
    ['a clipboard write', 'a\u001b]52;c;cm0gLXJm\u001b\\b', 'ab'],
    ['a device control string', 'a\u001bPq#0\u001b\\b', 'ab'],
    ['an 8-bit control sequence', 'a\u009b2Jb', 'ab'],
    ['an unfinished sequence', 'a\u001b[', 'a'],
    ['line ends', 'one\r\ntwo\nthree', 'one two three'],
    ['right-to-left override', 'gpj.\u202eexe', 'gpj.\ufffdexe'],
    ['a backspace', 'safe\u0008\u0008', 'safe\ufffd\ufffd'],
    ['a tag character and a variation selector', 'a\u{e0041}b\ufe00c\u034f', 'a\ufffdb\ufffdc\ufffd'],
    ['an emoji in its parts', 'I ❤️ 👩🏽\u200d💻', 'I ❤ 👩🏽💻'],
    ['ordinary text', 'büro-mac.local – größe 🔑 日本', 'büro-mac.local – größe 🔑 日本'],
  ])('is harmless: %s', (_what, hostile, shown) => {
    expect(printable(hostile)).toBe(shown);
  });

  it('never keeps a control character, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        expect(printable(text)).not.toMatch(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u);
      }),
      { numRuns: 500 },
    );
  });

  it('never keeps a character that cannot be seen', () => {
    const invisible = Array.from({ length: 0x11_0000 }, (_, point) => point)
      .filter((point) => point < 0xd800 || point > 0xdfff)
      .map((point) => String.fromCodePoint(point))
      .filter((character) => /\p{Default_Ignorable_Code_Point}/u.test(character));
    expect(invisible.length).toBeGreaterThan(4000);
    for (const character of invisible) expect(printable(`a${character}b`)).toBe('a\ufffdb');
  });

  it('is made harmless once and for all', () => {
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.constantFrom('\u001b', '[', ']', '0', ';', 'm', '\u0007', '\\', '\u009b', 'P', '\u009c'),
        }),
        (text) => {
          expect(printable(printable(text))).toBe(printable(text));
        },
      ),
    );
  });

  it('cannot be laid out to look like several lines', () => {
    expect(sentence(`host${' '.repeat(62)}\u00a0\u3000\u2800Sealed   for you `)).toBe('host Sealed for you');
  });

  it('is cut to a length in characters, with an ellipsis', () => {
    expect(excerpt('  many   words here ', 10)).toBe('many word…');
    expect(excerpt('🔑🔑🔑', 3)).toBe('🔑🔑🔑');
    expect(excerpt('🔑🔑🔑🔑', 3)).toBe('🔑🔑…');
  });
});
