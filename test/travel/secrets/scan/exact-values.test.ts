import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ExactValues } from '../../../../src/travel/secrets/scan/exact-values.ts';
import { flatten } from '../../../../src/travel/secrets/scan/flat-text.ts';

const known = (...values: string[]) => new ExactValues(values.map((value) => ({ kind: 'value', value })));
const flat = (text: string) => flatten(Buffer.from(text)).bytes;
/** Each place as its index and its text. */
const placesIn = (values: ExactValues, text: string) => {
  const bytes = flat(text);
  return [...values.in(bytes)].map(({ index, start, end }) => [index, bytes.toString('utf8', start, end)]);
};
const inJson = (text: string) => JSON.stringify(text).slice(1, -1);

const parts = ['a', 'b', 'ab', 'n', 'u', '0041', '7', ' ', '"', '\\', '/', '\n', '\t', 'é', '😀', '&', '\\n'];
const anyText = (length: { minLength?: number; maxLength: number }) =>
  fc.array(fc.constantFrom(...parts), length).map((chosen) => chosen.join(''));

/** The same by trying each value at each place. */
function slowly(values: readonly string[], text: Buffer) {
  const covered: { index: number; start: number; end: number; longest: number }[] = [];
  for (let start = 0; start < text.length; start += 1) {
    for (const [index, value] of values.entries()) {
      const bytes = Buffer.from(value);
      if (!text.subarray(start).subarray(0, bytes.length).equals(bytes)) continue;
      const end = start + bytes.length;
      const last = covered.at(-1);
      if (last === undefined || start >= last.end) covered.push({ index, start, end, longest: bytes.length });
      else {
        if (bytes.length > last.longest) Object.assign(last, { index, longest: bytes.length });
        last.end = Math.max(last.end, end);
      }
    }
  }
  return covered.map(({ index, start, end }) => ({ index, start, end }));
}

describe('known values', () => {
  it('are found wherever they stand, and nothing else', () => {
    expect(placesIn(known('s3cret-one', 's3cret-two'), 'a s3cret-twos3cret-one, s3cret-on')).toEqual([
      [1, 's3cret-two'],
      [0, 's3cret-one'],
    ]);
    expect(placesIn(known(), 'nothing')).toEqual([]);
    expect(placesIn(known('S3CRET-ONE'), 's3cret-one')).toEqual([]);
  });

  it('are one place where they overlap, which is that of the longest', () => {
    const values = known('abcdefgh', 'cdef', 'ghijklmnop', 'mnopqr');
    expect(placesIn(values, 'abcdefgh')).toEqual([[0, 'abcdefgh']]);
    expect(placesIn(values, '.abcdefghijklmnopqr.cdef')).toEqual([
      [2, 'abcdefghijklmnopqr'],
      [1, 'cdef'],
    ]);
    expect(placesIn(known('aaaaa'), 'aaaaaaaaa aaaa')).toEqual([[0, 'aaaaaaaaa']]);
  });

  it('are found as a slow search finds them', () => {
    const value = fc.string({ unit: fc.constantFrom('a', 'b', 'A', '1', '-'), minLength: 4, maxLength: 7 });
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'A', '1', '-'), maxLength: 60 });
    fc.assert(
      fc.property(
        fc.uniqueArray(value, { maxLength: 12 }),
        text,
        fc.nat(8),
        fc.nat(8),
        (values, chosen, from, less) => {
          const bytes = Buffer.from(chosen);
          const to = Math.max(from, bytes.length - less);
          const part = bytes.subarray(0, to);
          const expected = slowly(values, Buffer.concat([Buffer.alloc(Math.min(from, to)), part.subarray(from)]));
          expect([...known(...values).in(bytes, Math.min(from, to), to)]).toEqual(expected);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('are found in any escaping, whatever is in them and stands around them', () => {
    fc.assert(
      fc.property(
        anyText({ maxLength: 8 }),
        anyText({ minLength: 8, maxLength: 20 }),
        fc.nat(3),
        (before, value, depth) => {
          // Spaces and backslashes at its ends are not looked for, so they are no part of it here.
          fc.pre(/^[^\s\\].*[^\s\\]$/s.test(value));
          let text = `${before} ${value}"`;
          for (let i = 0; i < depth; i += 1) text = inJson(text);
          expect(known(value).holds(Buffer.from(text))).toBe(true);
          expect(known('another value').holds(Buffer.from(text))).toBe(false);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('are found in a line of megabytes, at any place', () => {
    const [value, longer] = ['s3cret "value"', `longer "${'x'.repeat(200_000)}"`];
    const filler = inJson('some "words"\n'.repeat(20_000));
    for (let shift = 0; shift < 40; shift += 1) {
      // Steps are of 64 KB.
      const before = filler.slice(0, 65_536 - 20 + shift).replace(/\\+$/, '');
      expect(known(value, longer).holds(Buffer.from(`${before}${inJson(value)}${filler}`)), `${shift}`).toBe(true);
    }
    const values = known(value, longer);
    expect(values.holds(Buffer.from(`${filler}${inJson(longer)}${filler}`))).toBe(true);
    expect(values.holds(Buffer.from(`${filler}${inJson(longer.replace('xx', 'y'))}${filler}`))).toBe(false);
  });

  it('are found behind a backslash that takes their first character', () => {
    for (const value of ['natural-born', 'u0041bcdef', 'x41bcdef', 'table-of-it']) {
      for (const text of [`C:\\${value}.`, inJson(`C:\\${value}.`), inJson(inJson(`C:\\${value}.`))]) {
        expect(known(value).holds(Buffer.from(text)), text).toBe(true);
      }
    }
  });

  it('are found without the spaces around them and the backslash at their end', () => {
    const values = known(' \n s3cret-one \r\n', 's3cret-two\\', '\\s3cret-three');
    for (const text of ['s3cret-one', 's3cret-two"', inJson('s3cret-two\\"'), 'a\\s3cret-three']) {
      expect(values.holds(Buffer.from(text)), text).toBe(true);
    }
  });

  it('are ignored where they are too short, and named after the first of equal ones', () => {
    const values = new ExactValues([
      { kind: 'too short', value: 'abc' },
      { kind: 'empty', value: '' },
      { kind: 'first', value: 's3cret' },
      { kind: 'second', value: 's3cret ' },
    ]);
    const [place, ...more] = values.in(flat('abc s3cret'));
    expect(more).toEqual([]);
    expect(values.kindOf(place?.index ?? 0)).toBe('first');
  });

  it('are as quick to find if there are thousands', () => {
    const text = flat(Array.from({ length: 40_000 }, (_, i) => `${(i * 7919).toString(36)} and some words`).join(' '));
    const time = (values: ExactValues) => {
      const start = performance.now();
      for (let i = 0; i < 5; i += 1) expect([...values.in(text)]).toEqual([]);
      return performance.now() - start;
    };
    const many = known(...Array.from({ length: 5000 }, (_, i) => `sk-key-${(i * 104_729 + 7).toString(16)}-end`));
    const few = known('sk-key-1');
    const [first] = [time(few), time(many)];
    expect(Math.min(time(many), time(many))).toBeLessThan(10 * Math.max(first, time(few)));
  });
});
