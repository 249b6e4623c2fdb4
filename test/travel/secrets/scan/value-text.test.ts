import fc from 'fast-check';
import { expect, it } from 'vitest';
import { bytesOf, textOf } from '../../../../src/travel/secrets/scan/value-text.ts';

it('gives back the bytes of any value, and is its text where they are UTF-8', () => {
  expect(textOf(Buffer.from('größer 語 😀'))).toBe('größer 語 😀');
  expect(textOf(Buffer.from('gr\xf6\xdfer', 'latin1'))).toBe('gr\udcf6\udcdfer');
  const someBytes = fc.array(fc.constantFrom('a', 'ö', '語', '😀', '\xf6', '\xe8\xaa', '\xf0\x9f\x98'), {
    maxLength: 12,
  });
  fc.assert(
    fc.property(fc.oneof(someBytes.map(joined), fc.uint8Array({ maxLength: 20 }).map(Buffer.from)), (bytes) => {
      expect(bytesOf(textOf(bytes)).equals(bytes)).toBe(true);
      if (bytes.toString().includes('\ufffd')) return;
      expect(textOf(bytes)).toBe(bytes.toString());
    }),
    { numRuns: 300 },
  );
});

/** Some of them as UTF-8, some as they are. */
const joined = (parts: readonly string[]) =>
  Buffer.concat(parts.map((part) => Buffer.from(part, /^[\x80-\xff]/.test(part) && part !== 'ö' ? 'latin1' : 'utf8')));
