import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Failure } from '../../src/failure.ts';
import { encodeEnvelope, sealSeed } from '../../src/identity/envelope.ts';
import { encodeStoredKey, parseStoredKey } from '../../src/identity/stored-key.ts';
import { fromHex, keyVectors } from '../support/vectors.ts';

const CHEAP = { memoryKib: 8, iterations: 1, parallelism: 1 };
const HEX = '61644a25da5ad31754e23bc1eca8c766a61ceaa8c60ddc65f158a30209256e35';
const latin1 = (text: string) => Buffer.from(text, 'latin1');

describe('the content of a key file', () => {
  it.each(keyVectors())('is 64 hex characters and no newline ($public_key)', ({ seed_hex }) => {
    const key = { kind: 'plain', seed: fromHex(seed_hex) } as const;
    expect(Buffer.from(encodeStoredKey(key)).toString('latin1')).toBe(seed_hex);
    expect(parseStoredKey(latin1(seed_hex))).toEqual(key);
  });

  it.each([
    ['one newline', `${HEX}\n`],
    ['one newline of Windows', `${HEX}\r\n`],
    ['upper case', HEX.toUpperCase()],
    ['white space around', ` \t${HEX}\n\n`],
    ['0x before it', `0x${HEX}`],
    ['quotes around', `"${HEX}"\r\n`],
    ['apostrophes around', `'${HEX}'`],
    ['a byte order mark before it', `\u00ef\u00bb\u00bf${HEX}\r\n`],
    ['a NUL behind each character', `${[...HEX].join('\0')}\0`],
    ['the form of a file that PowerShell wrote', `\u00ff\u00fe${[...`${HEX}\r\n`].join('\0')}\0`],
    ['the form of UTF-16, the other way round', `\u00fe\u00ff\0${[...HEX].join('\0')}`],
  ])('may have %s', (_, text) => {
    expect(parseStoredKey(latin1(text))).toEqual({ kind: 'plain', seed: fromHex(HEX) });
  });

  it('is an envelope, which comes back byte for byte', async () => {
    const bytes = encodeEnvelope(await sealSeed(fromHex(HEX), latin1('a passphrase'), CHEAP));
    const key = parseStoredKey(bytes);
    expect(key.kind).toBe('encrypted');
    expect(encodeStoredKey(key)).toEqual(bytes);
  });

  it.each([
    ['is empty', ''],
    ['is cut off', HEX.slice(0, 63)],
    ['is cut off', `${HEX.slice(0, 10)}\n`],
    ['has more than 64 characters', `${HEX}0`],
    ['has more than 64 characters', `${HEX}${HEX}`],
    ['holds neither', `${HEX.slice(0, 63)}g`],
    ['other text around', `${HEX}x`],
    ['other text around', `${HEX}\n${HEX}`],
    ['other text around', `Welcome!\n${HEX}`],
    ['other text around', `${HEX}Bye!`],
    ['a recovery file of Pubky', `pubky.org/recovery\n${'x'.repeat(72)}`],
    ['holds neither', `${HEX.slice(0, 32)} ${HEX.slice(32)}`],
    ['holds neither', ' \n'],
    ['holds neither', '""'],
    ['holds neither', '-----BEGIN OPENSSH PRIVATE KEY-----'],
  ])('%s: said of %j', (what, text) => {
    expect(() => parseStoredKey(latin1(text))).toThrow(
      expect.objectContaining({ code: 'cannot-open', message: expect.stringContaining(what) }),
    );
  });

  it('that is anything else is a failure that repeats no key', () => {
    const nearly = fc.string({ unit: fc.constantFrom(...'0123456789abcdefABCDEF\r\n \u0000g'), maxLength: 70 });
    fc.assert(
      fc.property(fc.oneof(nearly.map(latin1), fc.uint8Array({ maxLength: 5000 })), (bytes) => {
        try {
          expect(parseStoredKey(bytes).kind).toBe('plain');
          expect(Buffer.from(bytes).toString('latin1')).toMatch(/^\s*(0x)?[0-9a-f]{64}\s*$/i);
        } catch (error) {
          if (!(error instanceof Failure)) throw error;
          const text = Buffer.from(bytes).toString('latin1').trim();
          if (text.length > 8) expect(`${error} ${error.hint}`).not.toContain(text);
        }
      }),
    );
  });
});
