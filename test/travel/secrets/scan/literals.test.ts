import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Literal, Literals, MOST_OFFSET } from '../../../../src/travel/secrets/scan/literals.ts';

const literal = (text: string, isAnyCase = false): Literal => ({ bytes: Buffer.from(text), isAnyCase });

function placesOf(literals: readonly Literal[], text: Buffer, from = 0, to = text.length) {
  const places: [literal: number, start: number][] = [];
  new Literals(literals).search(text, from, to, (each, start) => places.push([each, start]));
  return places;
}

const lowerCase = (bytes: Buffer) => bytes.toString('latin1').replace(/[A-Z]/g, (letter) => letter.toLowerCase());

const some = (options: { minLength: number; maxLength: number }) =>
  fc.string({ unit: fc.constantFrom('a', 'b', 'A', 'B', '1', '-', '@', '`', 'é'), ...options });

describe('literals', () => {
  it('are found as a slow search finds them, in any case or in their own', () => {
    const anyLiteral = fc
      .tuple(some({ minLength: 3, maxLength: 6 }), fc.boolean())
      .map(([text, isAnyCase]) => literal(isAnyCase ? text.toLowerCase() : text, isAnyCase));
    fc.assert(
      fc.property(
        fc.array(anyLiteral, { maxLength: 10 }),
        some({ minLength: 0, maxLength: 60 }),
        fc.nat(5),
        fc.nat(5),
        (literals, chosen, from, less) => {
          const text = Buffer.from(chosen);
          const [begin, end] = [Math.min(from, text.length), Math.max(Math.min(from, text.length), text.length - less)];
          const found = placesOf(literals, text, begin, end);
          for (const [index, { bytes, isAnyCase }] of literals.entries()) {
            const starts = found.filter(([each]) => each === index).map(([, start]) => start);
            expect(new Set(starts).size).toBe(starts.length);
            const expected: number[] = [];
            for (let start = begin; start < end; start += 1) {
              const there = text.subarray(start, end).subarray(0, bytes.length);
              if (isAnyCase ? lowerCase(there) === bytes.toString('latin1') : there.equals(bytes)) expected.push(start);
            }
            const isLonger = ([each, start]: readonly [number, number], at: number) =>
              start === at && (literals[each] as Literal).bytes.length >= bytes.length;
            for (const start of starts) expect(expected).toContain(start);
            for (const at of expected) {
              const isThere = isAnyCase ? starts.includes(at) : found.some((place) => isLonger(place, at));
              expect(isThere, `${bytes} at ${at}`).toBe(true);
            }
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('are found at both ends of a text, the shortest too', () => {
    expect(placesOf([literal('key', true), literal('KEY-')], Buffer.from('KEY-kEy'))).toEqual([
      [0, 0],
      [1, 0],
      [0, 4],
    ]);
    expect(placesOf([literal('key')], Buffer.from('ke'))).toEqual([]);
  });

  it('come about in the order in which they stand', () => {
    // The best gram is far behind the start of a long one.
    const long = `${'abcdefgh'.repeat(40)}a7b`;
    const text = Buffer.from(`${long} key ${long}key`);
    let last = 0;
    for (const [, start] of placesOf([literal(long), literal('key')], text)) {
      expect(start).toBeGreaterThanOrEqual(last - MOST_OFFSET);
      last = Math.max(last, start);
    }
    expect(placesOf([literal(long), literal('key')], text)).toHaveLength(4);
  });

  it('take no more time where they and the text were made to take it', () => {
    const period = 'abcdef7';
    const nested = Array.from({ length: 300 }, (_, i) => literal(period.repeat(3 * i + 10)));
    const ending = Array.from({ length: 300 }, (_, i) => literal(`${period.repeat(3 * i + 10)}${i}-end`));
    const literals = [...nested, ...ending];
    // Each part is as long as half of them, and all but the end of others.
    const text = Buffer.from(`${period.repeat(500)}!`.repeat(15));
    const start = performance.now();
    let found = 0;
    new Literals(literals).search(text, 0, text.length, () => {
      found += 1;
    });
    expect(found).toBeGreaterThan(6000);
    // It takes 0.2 s, and 20 s if each of them is compared at each place.
    expect(performance.now() - start).toBeLessThan(3000);
  });

  it('take no more time where all of them begin alike, and so does the text', () => {
    const literals = Array.from({ length: 20_000 }, (_, i) => literal(`${'token-1'.repeat(10)}${i}`));
    const nested = Array.from({ length: 3_000 }, (_, i) => literal(`token-1${'z'.repeat(i)}`));
    const text = Buffer.from(`${'token-1'.repeat(10)}-${'token-1zz!'.repeat(10)}`.repeat(2000));
    const start = performance.now();
    let found = 0;
    new Literals([...literals, ...nested]).search(text, 0, text.length, () => {
      found += 1;
    });
    expect(found).toBe(60_000);
    // It takes 0.1 s, and 4 s if each of them is looked at for each place.
    expect(performance.now() - start).toBeLessThan(1500);
  });

  it('are found where many begin with others', () => {
    const ends = fc.array(fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 7 }), { maxLength: 60 });
    fc.assert(
      fc.property(ends, ends, (chosen, others) => {
        const literals = [...new Set(chosen)].map((end) => `x-1${end}a`);
        const text = others.map((end) => `x-1${end}`).join('');
        const expected = new Map<number, string>();
        for (const each of literals.toSorted((a, b) => a.length - b.length)) {
          for (let at = text.indexOf(each); at !== -1; at = text.indexOf(each, at + 1)) expected.set(at, each);
        }
        const found = placesOf(
          literals.map((each) => literal(each)),
          Buffer.from(text),
        );
        expect(new Map(found.map(([each, start]) => [start, literals[each]]))).toEqual(expected);
      }),
      { numRuns: 200 },
    );
  });

  it('are found where long ones repeat themselves, and the text does', () => {
    const parts = fc.array(fc.constantFrom('ab1', 'ab1ab1', 'ab1'.repeat(90), 'ab2', 'a', '-'), { maxLength: 12 });
    const long = fc.tuple(fc.integer({ min: 85, max: 95 }), fc.constantFrom('', 'ab', '-', 'ab2ab1'));
    fc.assert(
      fc.property(parts, fc.array(long, { minLength: 1, maxLength: 4 }), (chosen, ends) => {
        const literals = ends.map(([count, end]) => `${'ab1'.repeat(count)}${end}`);
        const text = `${chosen.join('')}${literals.join('')}${chosen.join('')}`;
        const longestAt = (at: number) =>
          Math.max(0, ...literals.filter((each) => text.startsWith(each, at)).map((each) => each.length));
        const found = new Map<number, number>();
        for (const [each, start] of placesOf(
          literals.map((each) => literal(each)),
          Buffer.from(text),
        )) {
          found.set(start, Math.max(found.get(start) ?? 0, literals[each]?.length ?? 0));
        }
        for (let at = 0; at < text.length; at += 1) expect(found.get(at) ?? 0).toBe(longestAt(at));
      }),
      { numRuns: 20 },
    );
  });

  it('can’t be of less than three bytes', () => {
    expect(() => new Literals([literal('ab')])).toThrow(RangeError);
  });
});
