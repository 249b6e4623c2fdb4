import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { excerpt, printable } from '../../src/terminal/printable.ts';

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

  it('is cut to a length in characters, with an ellipsis', () => {
    expect(excerpt('  many   words here ', 10)).toBe('many word…');
    expect(excerpt('🔑🔑🔑', 3)).toBe('🔑🔑🔑');
    expect(excerpt('🔑🔑🔑🔑', 3)).toBe('🔑🔑…');
  });
});
