import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Mask } from '../../../../src/travel/secrets/mask/mask.ts';
import { maskText } from '../../../../src/travel/secrets/mask/mask-text.ts';
import { chunked, collect } from '../../../support/chunks.ts';

const MEGABYTE = 1024 * 1024;
const PLACEHOLDER = '[masked 1: test key]';
const maskOf = (...values: readonly string[]) =>
  new Mask(
    values.map((value) => ({ kind: 'test key', value })),
    1,
  );
const maskedText = async (text: string | Buffer, mask: Mask, ...sizes: readonly number[]) =>
  collect(maskText(chunked(Buffer.from(text), ...(sizes.length > 0 ? sizes : [MEGABYTE])), mask));

describe('a file beside the transcript', () => {
  it('has a placeholder for each value, in JSON and in a program too, and is as it was but for that', async () => {
    const value = 'pa"ss\\wörd\nof two lines';
    const texts = (secret: string) => {
      const json = JSON.stringify({ key: secret, list: [JSON.stringify({ 'in "it"': secret })] }, null, 2);
      return `${secret}\r\n${json}\n\u001b[31m${secret}\u001b[0m\0\\\\\n${json.replaceAll('/', '\\/')}`;
    };
    expect((await maskedText(texts(value), maskOf(value))).toString()).toBe(texts(PLACEHOLDER));
  });

  it('stays byte for byte what it was where no value is, text or not', async () => {
    const bytes = Buffer.from(Array.from({ length: 2 * MEGABYTE }, (_, index) => (index * 31) ^ (index >> 7)));
    expect((await maskedText(bytes, maskOf('not in there'))).equals(bytes)).toBe(true);
    expect(await maskedText('', maskOf('not in there'))).toHaveLength(0);
  });

  it('is the same in whatever blocks it comes, and wherever in them a value is', async () => {
    const value = `begin ${'line\\n"of" it é '.repeat(40)} end`;
    const mask = maskOf(value, 'end');
    const shapes = [value, JSON.stringify(value), JSON.stringify({ text: JSON.stringify(value) })];
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: -4000, max: 200 }), fc.constantFrom(...shapes)), {
          minLength: 1,
          maxLength: 4,
        }),
        fc.array(fc.constantFrom(1000, 65_536, MEGABYTE, 3 * MEGABYTE + 1), { minLength: 1, maxLength: 4 }),
        async (values, sizes) => {
          const filler = 'x'.repeat(MEGABYTE / 2 - 1);
          const fill = (shift: number) => `${filler}${'\\'.repeat(Math.abs(shift % 7))} `.slice(Math.max(0, -shift));
          const text = values.map(([shift, shape]) => `${fill(shift)}${shape}`).join('');
          const expected = values
            .map(([shift, shape]) => {
              const inside = shape.slice(shape.indexOf('begin'), shape.lastIndexOf('end') + 3);
              return `${fill(shift)}${shape.replace(inside, PLACEHOLDER)}`;
            })
            .join('');
          expect((await maskedText(text, mask, ...sizes)).toString()).toBe(expected);
        },
      ),
      { numRuns: 8 },
    );
  });

  it('is masked where a value, or a run of backslashes, is longer than a block', async () => {
    const long = `${'0123456789'.repeat(200_000)}!`;
    expect((await maskedText(`a ${long} b`, maskOf(long), 100_000)).toString()).toBe(`a ${PLACEHOLDER} b`);
    const run = '\\'.repeat(2 * MEGABYTE);
    const masked = await maskedText(`a ${run}"a value" b`, maskOf('"a value"'));
    expect(masked.toString()).toBe(`a ${PLACEHOLDER} b`);
  });

  it.each(['utf16le', 'utf16be'])('stays a text in %s', async (order) => {
    const coded = (text: string) => {
      const bytes = Buffer.from(`\ufeff${text}`, 'utf16le');
      return order === 'utf16le' ? bytes : bytes.swap16();
    };
    const masked = await maskedText(coded('$key = "a-secret"\r\n'), maskOf('a-secret'));
    expect(masked).toEqual(coded(`$key = "${PLACEHOLDER}"\r\n`));
  });

  it('is not kept back as a whole where little of it is text', async () => {
    let read = 0;
    async function* blocks() {
      for (; read < 12; read += 1) yield Buffer.concat([Buffer.from(' a'), Buffer.alloc(MEGABYTE)]);
    }
    for await (const { length } of maskText(blocks(), maskOf('x'.repeat(10_000)))) if (length > 0) break;
    expect(read).toBeLessThan(10);
  });

  it('is masked to its end where values go over into each other without one', async () => {
    const part = Array.from({ length: 1000 }, (_, index) => (index * index).toString(36)).join('');
    const masked = await maskedText(part.repeat(2_500), maskOf(part + part));
    expect(masked.length).toBeLessThan(100);
    expect(masked.toString()).toMatch(/^(?:\[masked 1: test key\])+$/);
  });
});
