import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Literal, Literals, MOST_OFFSET } from '../../../src/travel/secrets/literals.ts';

const literal = (text: string, isAnyCase = false): Literal => ({ bytes: Buffer.from(text), isAnyCase });

function placesOf(literals: readonly Literal[], text: Buffer, from = 0, to = text.length) {
  const places: [literal: number, start: number][] = [];
  new Literals(literals).search(text, from, to, (each, start) => places.push([each, start]));
  return places;
}

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
          const to = Math.max(from, text.length - less);
          const expected: [number, number][] = [];
          for (let start = from; start < Math.min(to, text.length); start += 1) {
            for (const [index, { bytes, isAnyCase }] of literals.entries()) {
              const there = text.subarray(start, Math.min(to, text.length)).subarray(0, bytes.length);
              const isThere = isAnyCase
                ? there.toString('latin1').toLowerCase() === bytes.toString('latin1')
                : there.equals(bytes);
              if (isThere) expected.push([index, start]);
            }
          }
          const found = placesOf(literals, text, Math.min(from, text.length), Math.min(to, text.length));
          const inOrder = (places: [number, number][]) => places.toSorted((a, b) => a[1] - b[1] || a[0] - b[0]);
          expect(inOrder(found)).toEqual(inOrder(expected));
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

  it('can’t be of less than three bytes', () => {
    expect(() => new Literals([literal('ab')])).toThrow(RangeError);
  });
});
