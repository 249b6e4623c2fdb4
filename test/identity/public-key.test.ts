import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Failure } from '../../src/failure.ts';
import {
  encodePublicKey,
  fingerprint,
  parsePublicKey,
  readPublicKey,
  samePublicKey,
} from '../../src/identity/public-key.ts';
import { fromHex, keyVectors } from '../support/vectors.ts';

const ALPHABET = 'ybndrfg8ejkmcpqxot1uwisza345h769';
const KEY = '8pinxxgqs41n4aididenw5apqp1urfmzdztr8jt4abrkdn435ewo';
const publicKeys = fc.uint8Array({ minLength: 32, maxLength: 32 });

describe('public keys in z-base-32', () => {
  it.each(keyVectors())('are what Rust writes ($public_key)', ({ public_key, public_key_hex }) => {
    expect(encodePublicKey(fromHex(public_key_hex))).toBe(public_key);
    expect(parsePublicKey(public_key)).toEqual(fromHex(public_key_hex));
    expect(fingerprint(fromHex(public_key_hex))).toBe(public_key.slice(0, 8));
  });

  it('come back from their text, with and without pk:', () => {
    fc.assert(
      fc.property(publicKeys, (publicKey) => {
        const text = encodePublicKey(publicKey);
        expect(text).toHaveLength(52);
        expect(parsePublicKey(text)).toEqual(publicKey);
        expect(parsePublicKey(`pk:${text}`)).toEqual(publicKey);
      }),
    );
  });

  it('have one text each: a set spare bit is refused', () => {
    fc.assert(
      fc.property(publicKeys, fc.integer({ min: 1, max: 15 }), (publicKey, spare) => {
        const text = encodePublicKey(publicKey);
        const last = ALPHABET[ALPHABET.indexOf(text.slice(-1)) | spare];
        expect(() => parsePublicKey(`${text.slice(0, -1)}${last}`)).toThrow(
          expect.objectContaining({ name: 'Failure', code: 'usage' }),
        );
      }),
    );
  });

  it.each([
    ['nothing', ''],
    ['only the prefix', 'pk:'],
    ['51 characters', KEY.slice(1)],
    ['53 characters', `${KEY}y`],
    ['upper case', KEY.toUpperCase()],
    ['an upper-case prefix', `PK:${KEY}`],
    ['the prefix twice', `pk:pk:${KEY}`],
    ['a letter outside the alphabet', `l${KEY.slice(1)}`],
    ['white space around', ` ${KEY}`],
    ['a newline after', `${KEY}\n`],
    ['64 hex characters', '3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29'],
    ['other digits', `٣${KEY.slice(1)}`],
  ])('are not %s', (_, text) => {
    expect(() => parsePublicKey(text)).toThrow(expect.objectContaining({ name: 'Failure', code: 'usage' }));
  });

  it.each([
    `pk:${KEY}`,
    `pubky${KEY}`,
    `pubky:${KEY}`,
    `pubky://${KEY}`,
    `pubky://${KEY}/pub/pubky.app/profile.json`,
    `pubky${KEY}/pub/pubky.app/profile.json`,
    `https://_pubky.${KEY}/pub/pubky.app/`,
    `_pubky.${KEY}.`,
    `http://${KEY}`,
    `https://foo.${KEY}.?q=v`,
    `https://foo@bar.${KEY}.:8888/path?q=v#hash`,
    `https://yg4gxe7z1r7mr6orids9fh95y7gxhdsxjqi6nngsxxtakqaxr5no.${KEY}`,
    `https://pubky.app/profile/${KEY}`,
    `https://pubky.app/profile/pubky${KEY}?tab=posts`,
    `https://pubky.app/post/${KEY}/0032VCRH9GZ1G`,
    KEY.toUpperCase(),
    `PK:${KEY.toUpperCase()}`,
    `  ${KEY}\n`,
    `"${KEY}"`,
    `<pk:${KEY}>`,
    `\`${KEY}\`.`,
    `\u200b${KEY}\u200b`,
    `\ufeff${KEY}`,
  ])('are read in the form that others write: %j', (text) => {
    expect(encodePublicKey(readPublicKey(text))).toBe(KEY);
  });

  it('are not read out of what does not hold exactly one', () => {
    const other = 'yg4gxe7z1r7mr6orids9fh95y7gxhdsxjqi6nngsxxtakqaxr5no';
    const spare = `${KEY.slice(0, -1)}b`;
    const texts = [
      ...['', 'bob', KEY.slice(1), `${KEY}y`, `pk:pk:${KEY.slice(2)}`, spare, `pk:${spare}`, `l${KEY.slice(1)}`],
      ...[`https://pubky.app/compare/${KEY}/${other}`, `pubky.app/profile/${KEY}y`, `${KEY} ${other}`],
    ];
    for (const text of texts) {
      expect(() => readPublicKey(text), text).toThrow(expect.objectContaining({ name: 'Failure', code: 'usage' }));
    }
  });

  it('are told from a secret key, which is not repeated', () => {
    const secret = '61644a25da5ad31754e23bc1eca8c766a61ceaa8c60ddc65f158a30209256e35';
    for (const text of [secret, `0x${secret}`, secret.toUpperCase(), ` "${secret}"`]) {
      const read = () => readPublicKey(text);
      expect(read).toThrow(expect.objectContaining({ code: 'usage', message: expect.stringContaining('secret key') }));
      expect(read).not.toThrow(secret.slice(0, 10));
    }
  });

  it('any other text is a failure that does not repeat it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 10, maxLength: 80 }), (text) => {
        try {
          parsePublicKey(text);
        } catch (error) {
          expect(error).toBeInstanceOf(Failure);
          expect(`${error}`).not.toContain(text);
        }
      }),
    );
  });

  it('are the same when their bytes are', () => {
    fc.assert(
      fc.property(publicKeys, publicKeys, (a, b) => {
        expect(samePublicKey(a, Uint8Array.from(a))).toBe(true);
        expect(samePublicKey(a, b)).toBe(encodePublicKey(a) === encodePublicKey(b));
        expect(samePublicKey(a, a.subarray(1))).toBe(false);
      }),
    );
  });
});
