import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { publicKeyOf, sign } from '../../src/crypto/ed25519.ts';
import { type MutableItem, sameItem, signItem, supersedes, target, verifyItem } from '../../src/dht/mutable-item.ts';
import { packetVectors } from '../support/packet-vectors.ts';

const seed = new Uint8Array(32).fill(7);
const publicKey = publicKeyOf(seed);
const item = signItem(seed, publicKey, 1_790_000_000_123_457, Buffer.from('value'));

describe('verifyItem', () => {
  test.each(packetVectors)('accepts what Rust signed: $name', (vector) => {
    expect(verifyItem(vector.item)).toBe(true);
  });

  test.each<[string, Partial<MutableItem>]>([
    ['another seq', { seq: item.seq + 1 }],
    ['another value', { value: Buffer.from('valuf') }],
    ['another key', { publicKey: publicKeyOf(new Uint8Array(32).fill(8)) }],
    ['a key of the wrong length', { publicKey: new Uint8Array(31) }],
    ['a signature of the wrong length', { signature: item.signature.subarray(1) }],
    ['a negative seq', { seq: -1 }],
    ['a seq that is no safe integer', { seq: 2 ** 53 }],
    ['a seq that is no number', { seq: Number.NaN }],
  ])('refuses %s', (_, change) => {
    expect(verifyItem({ ...item, ...change })).toBe(false);
  });

  test.each([
    ['a value above 1000 bytes', 1, 1001],
    ['a negative seq', -1, 3],
    ['a seq above 2^53 - 1', 2 ** 53, 3],
  ])('refuses %s, even if it is signed', (_, seq, length) => {
    const value = new Uint8Array(length);
    const signature = sign(seed, Buffer.concat([Buffer.from(`3:seqi${seq}e1:v${length}:`), value]));
    expect(verifyItem({ publicKey, seq, value, signature })).toBe(false);
  });

  test('refuses every other signature without throwing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), (signature) => {
        expect(verifyItem({ ...item, signature })).toBe(false);
      }),
    );
  });
});

describe('signItem', () => {
  test('makes the very signature that Rust made', () => {
    for (const { item: made, seed: maker } of packetVectors) {
      if (maker === null) continue;
      expect(signItem(maker, made.publicKey, made.seq, made.value)).toEqual(made);
    }
  });

  test('makes what verifyItem accepts, for every seq and value', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.uint8Array({ maxLength: 1000 }), (seq, value) => {
        expect(verifyItem(signItem(seed, publicKey, seq, value))).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  test('refuses a seq or a value that nobody could read', () => {
    expect(() => signItem(seed, publicKey, 2 ** 53, item.value)).toThrow(RangeError);
    expect(() => signItem(seed, publicKey, -1, item.value)).toThrow(RangeError);
    expect(() => signItem(seed, publicKey, 1, new Uint8Array(1001))).toThrow(RangeError);
  });
});

test('the target of BEP 44’s example key is the one that BEP 44 gives', () => {
  const key = Buffer.from('77ff84905a91936367c01360803104f92432fcd904a43511876df5cdf3e7e548', 'hex');
  expect(Buffer.from(target(key)).toString('hex')).toBe('4a533d47ec9c7d95b1ad75f576cffc641853b750');
});

test('an item is the same as another if seq and value are', () => {
  expect(sameItem(item, { ...item })).toBe(true);
  expect(sameItem(item, { ...item, seq: 1 })).toBe(false);
  expect(sameItem(item, { ...item, value: Buffer.from('other') })).toBe(false);
});

test('of two items the higher seq counts, and of equal ones the same for everybody', () => {
  const [older, newer] = [
    signItem(seed, publicKey, 1, Buffer.from('b')),
    signItem(seed, publicKey, 2, Buffer.from('a')),
  ];
  expect([supersedes(newer, older), supersedes(older, newer), supersedes(older, older)]).toEqual([true, false, false]);
  const rival = signItem(seed, publicKey, 1, Buffer.from('c'));
  expect([supersedes(rival, older), supersedes(older, rival)]).toEqual([true, false]);
});
