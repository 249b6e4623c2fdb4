import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Flattening, flatten, MOST_LEFT_BYTES } from '../../../../src/travel/secrets/scan/flat-text.ts';

const flat = (source: string) => flatten(Buffer.from(source)).bytes.toString();

/** What is escaped, what looks like it, and pieces of it. */
const parts = [
  ...['a', 'Z', '7', 'n', 'r', 't', 'b', 'f', 'u', 'x', 'm', '00', '1b', '26', '5c', 'd83d', 'dc00', ' ', '.', '$'],
  ...['\\', '\\\\', '"', '/', '&', '<', '+', '\n', '\r\n', '\t', '\0', '\x1b', '\x1b[0m', '[1;31m', '\\n', '\\u0026'],
  ...['\\u', '\\x4', '\\ud83d', '\\ude00', '\x7f', 'é', '語', '😀', '\u2028'],
];
const anyText = fc.array(fc.constantFrom(...parts), { maxLength: 30 }).map((chosen) => chosen.join(''));

const inJson = (text: string) => JSON.stringify(text).slice(1, -1);
const asUnits = (text: string) =>
  text.replace(/./gsu, (each) => [...Array(each.length)].map((_, i) => unit(each, i)).join(''));
const unit = (text: string, i: number) => `\\u${text.charCodeAt(i).toString(16).padStart(4, '0')}`;
/** As several languages write JSON. */
const WRITERS: Readonly<Record<string, (text: string) => string>> = {
  JavaScript: inJson,
  'Python, ASCII alone': (text) => inJson(text).replace(/[^\0-\x7f]/gu, asUnits),
  'Go, for HTML': (text) => inJson(text).replace(/[<>&\u2028\u2029]/g, asUnits),
  PHP: (text) =>
    inJson(text)
      .replaceAll('/', '\\/')
      .replace(/[^\0-\x7f]/gu, asUnits),
  '.NET': (text) =>
    inJson(text)
      .replaceAll('\\"', '\\u0022')
      .replace(/[<>&'+`\x7f]|[^\0-\x7f]/gu, asUnits),
};

describe('flat text', () => {
  it.each([
    ['what has no escapes', 'as it is: é 語 😀', 'as it is: é 語 😀'],
    ['newlines of any depth', String.raw`a\nb\\nc\\\\nd`, 'a\nb\nc\nd'],
    ['the other letters', String.raw`\r\t\b\f`, '\r\t\b\f'],
    ['quotes of any depth', String.raw`"\"\\\"\\\\\\\""`, '"""""'],
    ['slashes', String.raw`https:\/\/a\\/b`, 'https://a/b'],
    ['what a shell escapes', String.raw`\$a\ b\!`, '$a b!'],
    ['codes of any depth', String.raw`\u0026\\u0026\x26\\\\x26`, '&&&&'],
    ['letters beyond ASCII', String.raw`\u00e9\u8a9e\ud83d\ude00\\ud83d\\ude00`, 'é語😀😀'],
    ['half of a pair', String.raw`\ud83d!\ude00`, '\ufffd!\ufffd'],
    ['a backslash that was written as a code', String.raw`\u005cn\\u005C\"`, '\n"'],
    ['what is no escape', String.raw`C:\Users\\me\\\\d \u12 \xg`, String.raw`C:\Users\me\d \u12 \xg`],
    ['a backslash at the end', String.raw`a\\`, String.raw`a\ `.trim()],
    ['no colours', `\x1b[31ma\\u001b[0mb\\\\x1b[1;38;5;9mc\x1b(B\x1b[m`, 'abc'],
    ['a space for what begins like a colour', '\x1b[31 \x1b\x1b[ \x1b(', ' [31   [  ('],
    ['no zeros', `a\0b\\u0000c\\\\x00`, 'abc'],
  ])('has %s', (_, source, expected) => {
    expect(flat(source)).toBe(expected);
  });

  it.each(Object.entries(WRITERS))('is the same at any depth in JSON of %s', (_, write) => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 1, max: 4 }), (text, depth) => {
        // A backslash at the very end escapes what follows.
        let source = `${text}|`;
        for (let i = 0; i < depth; i += 1) source = write(source);
        expect(flat(source)).toBe(flat(`${text}|`));
      }),
      { numRuns: 300 },
    );
  });

  it('is flat: flattened again it is the same', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const { bytes } = flatten(Buffer.from(`${text.replaceAll('\\', '')}|`));
        expect(flatten(bytes).bytes).toEqual(bytes);
      }),
      { numRuns: 300 },
    );
  });

  it('knows where each character of it was', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const source = Buffer.from(text);
        const { bytes, sourceOffset } = flatten(source);
        let last = 0;
        let at = 0;
        for (const character of bytes.toString()) {
          const offset = sourceOffset(at);
          expect(offset).toBeGreaterThanOrEqual(last);
          expect(flatten(source.subarray(offset)).bytes).toEqual(bytes.subarray(at));
          last = offset;
          at += Buffer.byteLength(character);
        }
        expect(sourceOffset(at)).toBe(source.length);
      }),
      { numRuns: 300 },
    );
  });

  it('gives the two ends of a secret, and nothing that stands around it', () => {
    const source = Buffer.from(String.raw`{\"a\":\"x\\n\u001b[31ms3\u001b[1mcret\u0026more\u001b[0m\"}`);
    const { bytes, sourceOffset, sourceEnd } = flatten(source);
    const start = bytes.indexOf('s3cret');
    const end = sourceEnd(start + 's3cret&more'.length);
    const masked = `${source.subarray(0, sourceOffset(start))}…${source.subarray(end)}`;
    expect(masked).toBe(String.raw`{\"a\":\"x\\n\u001b[31m…\u001b[0m\"}`);
  });

  it('has a backslash where more are written as codes of each other than anybody writes', () => {
    const chain = (codes: number) => `\\${'u005c'.repeat(codes)}`;
    for (const text of [chain(20), `${chain(5)}${chain(5)}`, `a${chain(9)}\\"`, chain(8), `${chain(8)}"`]) {
      const source = Buffer.from(`${text}nx`);
      const flattening = new Flattening(Buffer.alloc(source.length));
      let left = Buffer.alloc(0);
      for (const byte of source) {
        left = Buffer.concat([left, Buffer.of(byte)]);
        left = left.subarray(flattening.add(left, false));
        expect(left.length).toBeLessThanOrEqual(MOST_LEFT_BYTES);
      }
      flattening.add(left, true);
      expect(flattening.bytes.toString()).toBe(flat(`${text}nx`));
    }
    expect(flat(`${chain(8)}nx`)).toBe('\nx');
    expect(flat(`${chain(12)}nx`)).toBe(`${chain(4)}nx`);
  });

  it('is the same in pieces, with the lines of its source', () => {
    fc.assert(
      fc.property(
        anyText,
        fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 1 }),
        fc.nat(20),
        (text, sizes, drop) => {
          const source = Buffer.from(text);
          const whole = flatten(source);
          const flattening = new Flattening(Buffer.alloc(source.length));
          let left = Buffer.alloc(0);
          for (let at = 0, i = 0; at < source.length; i += 1) {
            const size = sizes[i % sizes.length] ?? 1;
            left = Buffer.concat([left, source.subarray(at, at + size)]);
            left = left.subarray(flattening.add(left, false));
            expect(left.length).toBeLessThanOrEqual(MOST_LEFT_BYTES);
            at += size;
          }
          flattening.add(left, true);
          expect(flattening.bytes.equals(whole.bytes)).toBe(true);
          for (let at = 0; at <= flattening.length; at += 1) {
            const before = source.subarray(0, whole.sourceOffset(at)).toString('latin1').split('\n').length - 1;
            expect(flattening.linesBefore(at)).toBe(before);
          }
          const dropped = Math.min(drop, flattening.length);
          const lines = flattening.linesBefore(flattening.length);
          flattening.drop(dropped);
          expect(flattening.bytes.toString('latin1')).toBe(whole.bytes.toString('latin1', dropped));
          expect(flattening.linesBefore(flattening.length)).toBe(lines);
        },
      ),
      { numRuns: 300 },
    );
  });
});
