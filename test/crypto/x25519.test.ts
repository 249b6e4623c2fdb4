import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { publicKeyOf } from '../../src/crypto/ed25519.ts';
import { x25519PublicOf, x25519PublicOfSecret, x25519SecretOf } from '../../src/crypto/x25519.ts';
import { fromHex } from '../support/vectors.ts';
import keys from '../vectors/keys.json' with { type: 'json' };

describe('X25519 keys of Ed25519 keys', () => {
  it.each(keys)('are what Rust derives for $public_key', async (vector) => {
    expect(publicKeyOf(fromHex(vector.seed_hex))).toEqual(fromHex(vector.public_key_hex));
    expect(x25519SecretOf(fromHex(vector.seed_hex))).toEqual(fromHex(vector.x25519_secret_hex));
    expect(x25519PublicOfSecret(fromHex(vector.x25519_secret_hex))).toEqual(fromHex(vector.x25519_public_hex));
    expect(await x25519PublicOf(fromHex(vector.public_key_hex))).toEqual(fromHex(vector.x25519_public_hex));
  });

  it('are the same from the seed and from the public key', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 32, maxLength: 32 }), async (seed) => {
        expect(await x25519PublicOf(publicKeyOf(seed))).toEqual(x25519PublicOfSecret(x25519SecretOf(seed)));
      }),
      { numRuns: 50 },
    );
  });

  it.each([
    ['y = 2, which is on no point', `02${'00'.repeat(31)}`],
    ['the neutral point', `01${'00'.repeat(31)}`],
    ['the point of order 2', `ec${'ff'.repeat(30)}7f`],
    ['a point of order 4', '00'.repeat(32)],
    ['the other point of order 4', `${'00'.repeat(31)}80`],
    ['a point of order 8', '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05'],
    ['another point of order 8', 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa'],
    ['y = p, another name of y = 0', `ed${'ff'.repeat(30)}7f`],
    ['31 bytes', '11'.repeat(31)],
    ['33 bytes', '11'.repeat(33)],
    ['no bytes', ''],
  ])('are refused for %s', async (_, bytes) => {
    await expect(x25519PublicOf(fromHex(bytes))).rejects.toMatchObject({ name: 'Failure', code: 'usage' });
  });
});
