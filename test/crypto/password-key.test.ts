import * as crypto from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ageRecipient } from '../../src/crypto/age.ts';
import { argon2id } from '../../src/crypto/argon2id.ts';
import { hkdf } from '../../src/crypto/hkdf.ts';
import { passwordKey } from '../../src/crypto/password-key.ts';
import { x25519PublicOfSecret } from '../../src/crypto/x25519.ts';
import { fromHex } from '../support/vectors.ts';
import vectors from '../vectors/kdf.json' with { type: 'json' };

const bytes = (text: string) => new TextEncoder().encode(text);
const CHEAP = { memoryKib: 8, iterations: 1, parallelism: 1 };

describe('keys from passwords', () => {
  it('HKDF is RFC 5869 with no salt (test case 3, first 32 bytes of its output)', () => {
    expect(hkdf(new Uint8Array(22).fill(0x0b), '')).toEqual(
      fromHex('8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d'),
    );
  });

  it.each(vectors)('both keys of "$pin" are what Rust derives from its Argon2id', (vector) => {
    const stretched = fromHex(vector.argon2id_hex);
    expect(hkdf(stretched, 'cclink-pin-v1')).toEqual(fromHex(vector.pin_key_hex));
    expect(hkdf(stretched, 'cclink-key-v1')).toEqual(fromHex(vector.key_encryption_key_hex));
    expect(ageRecipient(x25519PublicOfSecret(fromHex(vector.pin_key_hex)))).toBe(vector.pin_age_recipient);
  });

  it.each(vectors)('Argon2id of "$pin" is what Rust computes', async (vector) => {
    const { memory_kib: memoryKib, iterations, parallelism } = vector;
    const parameters = { memoryKib, iterations, parallelism };
    expect(await argon2id(bytes(vector.pin), fromHex(vector.salt_hex), parameters)).toEqual(
      fromHex(vector.argon2id_hex),
    );
  });

  it('Argon2id takes the lanes into account (argon2 -id -m 10 -t 4 -p 2)', async () => {
    const parameters = { memoryKib: 1024, iterations: 4, parallelism: 2 };
    expect(await argon2id(bytes('password'), bytes('saltsaltsalt'), parameters)).toEqual(
      fromHex('5e96574412a17467b902a9104ed95f45ff53232546a08d471505dea61037cbe9'),
    );
  });

  it('a password key is HKDF over Argon2id', async () => {
    const salt = new Uint8Array(32).fill(1);
    const expected = hkdf(await argon2id(bytes('secret'), salt, CHEAP), 'a use');
    expect(await passwordKey(bytes('secret'), salt, CHEAP, 'a use')).toEqual(expected);
    expect(await passwordKey(bytes('secret'), salt, CHEAP, 'another use')).not.toEqual(expected);
  });

  it('an empty password and a salt too short are named, whichever Argon2 computes', async () => {
    await expect(argon2id(bytes(''), new Uint8Array(32), CHEAP)).rejects.toMatchObject({ code: 'usage' });
    await expect(argon2id(bytes('x'), new Uint8Array(7), CHEAP)).rejects.toMatchObject({ code: 'cannot-open' });
  });

  it.skipIf(!('argon2' in crypto))("Node's own Argon2 leaves the event loop free", async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 5);
    await argon2id(bytes('x'), new Uint8Array(32), { memoryKib: 65_536, iterations: 3, parallelism: 1 });
    clearInterval(timer);
    expect(turns).toBeGreaterThan(1);
  });
});
