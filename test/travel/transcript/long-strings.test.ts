import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shortenStrings } from '../../../src/travel/transcript/long-strings.ts';

const MEGABYTE = 1024 * 1024;
const lineOf = (value: unknown) => Buffer.from(JSON.stringify(value));
const whole = (pieces: Buffer[] | null) => pieces && Buffer.concat(pieces);
const shortened = (line: Buffer, canonical: boolean) => {
  const short = shortenStrings(line, canonical);
  if (short === null) throw new Error('nothing was shortened');
  return short;
};

/** Long texts of everything that JSON writes in its own way. */
const longText = fc
  .tuple(
    fc.array(fc.constantFrom('x', '\\', '"', '\n', '\u001b', 'ö', '語', '😀', '\u2028', '\\"', '{"a":', '\u007f'), {
      minLength: 1,
      maxLength: 40,
    }),
    fc.integer({ min: 0, max: 7 }),
  )
  .map(([parts, shift]) => 'x'.repeat(shift) + parts.join('').repeat(Math.ceil(MEGABYTE / parts.length)));

describe('a line with its long strings shortened', () => {
  it('is as it was but for these, and can be made whole again', () => {
    fc.assert(
      fc.property(longText, longText, (first, second) => {
        const value = { type: 'user', first, list: [{ second, 'a key': 'short' }, 1.5, null], short: 'größer "x"\\' };
        const line = lineOf(value);
        const { line: short, restore } = shortened(line, true);
        expect(short.length).toBeLessThan(100_000);
        const parsed = JSON.parse(short.toString());
        expect({ ...parsed, first, list: [{ ...parsed.list[0], second }, 1.5, null] }).toEqual(value);
        expect(first.startsWith(parsed.first.slice(0, 4096))).toBe(true);
        expect(whole(restore(lineOf(parsed)))?.equals(line)).toBe(true);
        const { second: moved } = parsed.list[0];
        expect(whole(restore(lineOf({ moved })))?.equals(lineOf({ moved: second }))).toBe(true);
      }),
      { numRuns: 10 },
    );
  });

  it('can’t be made whole where one of them was changed', () => {
    const { line, restore } = shortened(lineOf({ text: 'x'.repeat(MEGABYTE) }), true);
    const { text } = JSON.parse(line.toString());
    expect(restore(lineOf({ text: `y${text.slice(1)}` }))).toBeNull();
    expect(restore(lineOf({ text: text.slice(0, -1) }))).toBeNull();
    expect(restore(lineOf({ text: `${text}0` }))).toBeNull();
    expect(whole(restore(lineOf({ text: 'short' })))?.toString()).toBe('{"text":"short"}');
  });

  it.each<[string, string]>([
    ['an escape that is not needed', `${'x'.repeat(70_000)}\\/${'x'.repeat(MEGABYTE)}`],
    ['a letter escaped', `${'x'.repeat(MEGABYTE)}\\u00e9`],
    ['half a character escaped', `\\ud83d${'x'.repeat(MEGABYTE)}`],
    ['capitals in an escape', `${'x'.repeat(MEGABYTE)}\\u001B`],
  ])('is whole again as it would be written, with %s', (_, text) => {
    const line = Buffer.from(`{"text":"${text}"}`);
    const { line: short, restore } = shortened(line, true);
    expect(short.length).toBeLessThan(100_000);
    const written = whole(restore(lineOf(JSON.parse(short.toString()))));
    expect(written?.equals(lineOf(JSON.parse(line.toString())))).toBe(true);
  });

  it('is whole again as it would be written, with bytes that are no UTF-8', () => {
    const line = Buffer.concat([
      Buffer.from(`{"text":"${'x'.repeat(MEGABYTE)}`),
      Buffer.from([0xff]),
      Buffer.from('"}'),
    ]);
    const { line: short, restore } = shortened(line, true);
    expect(short.length).toBeLessThan(100_000);
    const written = whole(restore(lineOf(JSON.parse(short.toString()))));
    expect(written?.equals(lineOf(JSON.parse(line.toString())))).toBe(true);
  });

  it.each<[string, string]>([
    ['an escape that there is not', `${'x'.repeat(MEGABYTE)}\\x`],
    ['a tab as it is', `${'x'.repeat(MEGABYTE)}\t`],
  ])('keeps a string with %s, if it is to be written anew', (_, text) => {
    expect(shortenStrings(Buffer.from(`{"text":"${text}"}`), true)).toBeNull();
  });

  it('keeps keys, and parses no better than it did', () => {
    const key = 'k'.repeat(2 * MEGABYTE);
    expect(shortenStrings(lineOf({ [key]: 1 }), false)).toBeNull();
    for (const broken of [`{"text":"${key}`, `{"text":"${key}"`, `{"text":"${key}\\"}`, `"${key}" x`]) {
      const short = shortenStrings(Buffer.from(broken), false)?.line ?? Buffer.from(broken);
      expect(() => JSON.parse(short.toString()), broken.slice(-10)).toThrow(SyntaxError);
    }
  });

  it('takes no time for backslashes, of which each could belong to the one before', () => {
    const before = performance.now();
    for (const text of ['\\'.repeat(4 * MEGABYTE), '\\'.repeat(4 * MEGABYTE + 1), '\\"'.repeat(2 * MEGABYTE)]) {
      shortenStrings(Buffer.from(`{"text":"${text}"}`), true);
      shortenStrings(Buffer.from(`{"text":"${text}"}`), false);
    }
    expect(performance.now() - before).toBeLessThan(5000);
  });

  it('is nothing for a line below a megabyte', () => {
    expect(shortenStrings(lineOf({ text: 'x'.repeat(500_000) }), false)).toBeNull();
  });
});
