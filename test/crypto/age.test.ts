import { Decrypter, Encrypter, generateIdentity, identityToRecipient } from 'age-encryption';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ageIdentity, ageRecipient, openWith, SEALED_OVERHEAD, sealTo } from '../../src/crypto/age.ts';
import { x25519PublicOfSecret, x25519SecretOf } from '../../src/crypto/x25519.ts';
import { Failure } from '../../src/failure.ts';
import { fromHex } from '../support/vectors.ts';
import keys from '../vectors/keys.json' with { type: 'json' };
import sealed from '../vectors/sealed.json' with { type: 'json' };

const bytes = (text: string) => new TextEncoder().encode(text);
const SECRET = new Uint8Array(32).fill(7);
const PUBLIC = x25519PublicOfSecret(SECRET);
const damaged = expect.objectContaining({ name: 'Failure', code: 'cannot-open' });

describe('the Bech32 forms of age keys', () => {
  it.each(keys)('are what Rust writes for $public_key', (vector) => {
    expect(ageIdentity(fromHex(vector.x25519_secret_hex))).toBe(vector.age_identity);
    expect(ageRecipient(fromHex(vector.x25519_public_hex))).toBe(vector.age_recipient);
  });

  it('belong together, as age itself sees them', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 32, maxLength: 32 }), async (secret) => {
        expect(await identityToRecipient(ageIdentity(secret))).toBe(ageRecipient(x25519PublicOfSecret(secret)));
      }),
      { numRuns: 50 },
    );
  });
});

describe('what Rust sealed, grease and all', () => {
  it.each(sealed.map((vector, i) => ({ ...vector, i })))('opens (vector $i)', async (vector) => {
    const ciphertext = Buffer.from(vector.age_base64, 'base64');
    expect(ciphertext.length).toBe(vector.age_length);
    const opened = await openWith(x25519SecretOf(fromHex(vector.seed_hex)), ciphertext);
    expect(opened).toEqual(bytes(vector.plaintext));
    expect(await openWith(SECRET, ciphertext)).toBeNull();
  });
});

describe('sealing', () => {
  it('adds 200 bytes, whatever the plaintext and the key', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.uint8Array({ maxLength: 2000 }),
        async (secret, plaintext) => {
          const ciphertext = await sealTo(x25519PublicOfSecret(secret), plaintext);
          expect(ciphertext.length).toBe(plaintext.length + SEALED_OVERHEAD);
          expect(await openWith(secret, ciphertext)).toEqual(plaintext);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('never gives the same bytes twice', async () => {
    expect(await sealTo(PUBLIC, bytes('x'))).not.toEqual(await sealTo(PUBLIC, bytes('x')));
  });
});

describe('opening', () => {
  it('skips stanzas for others, before and after the own one', async () => {
    const encrypter = new Encrypter();
    encrypter.addRecipient(await identityToRecipient(await generateIdentity()));
    encrypter.addRecipient(ageRecipient(PUBLIC));
    encrypter.addRecipient(await identityToRecipient(await generateIdentity()));
    expect(await openWith(SECRET, await encrypter.encrypt('for three'))).toEqual(bytes('for three'));
  });

  it('never opens a ciphertext of which one bit was turned, wherever', async () => {
    const ciphertext = await sealTo(PUBLIC, bytes('a secret'));
    let refused = 0;
    for (let position = 0; position < ciphertext.length; position++) {
      const changed = Uint8Array.from(ciphertext);
      changed[position] = (changed[position] ?? 0) ^ 1;
      const outcome = await openWith(SECRET, changed).catch((error: unknown) => error);
      if (outcome !== null) expect(outcome).toEqual(damaged);
      if (outcome !== null) refused++;
    }
    // Changes in the nonce, the payload and the header's MAC show as damage; in the stanza, as sealed for
    // somebody else.
    expect(refused).toBeGreaterThan(70);
  });

  it('says "damaged", not "for another key", where the payload is cut off', async () => {
    const ciphertext = await sealTo(PUBLIC, bytes('a secret'));
    for (const length of [0, 1, 21, 100, 167, 168, 184, ciphertext.length - 1]) {
      await expect(openWith(SECRET, ciphertext.subarray(0, length))).rejects.toEqual(damaged);
    }
  });

  it('answers arbitrary bytes with a failure, never with a crash', async () => {
    const start = bytes('age-encryption.org/v1\n-> X25519 ');
    await fc.assert(
      fc.asyncProperty(fc.boolean(), fc.uint8Array({ maxLength: 400 }), async (started, rest) => {
        const input = started ? Buffer.concat([start, rest]) : rest;
        const outcome = await openWith(SECRET, input).catch((error: unknown) => error);
        if (outcome !== null) expect(outcome).toBeInstanceOf(Failure);
      }),
    );
  });

  it('does not do the heavy work that a scrypt stanza asks for', async () => {
    const encrypter = new Encrypter();
    encrypter.setPassphrase('x');
    encrypter.setScryptWorkFactor(10);
    const text = Buffer.from(await encrypter.encrypt('hello')).toString('latin1');
    // 2^62 rounds would outlive us.
    const heavy = Buffer.from(text.replace(/^(-> scrypt \S+) 10$/m, '$1 62'), 'latin1');
    expect(heavy.includes(' 62\n')).toBe(true);
    const before = performance.now();
    expect(await openWith(SECRET, heavy)).toBeNull();
    expect(performance.now() - before).toBeLessThan(1000);
  });

  it('does not try more stanzas than 16 KiB hold', async () => {
    const share = Buffer.alloc(32, 9).toString('base64').replace('=', '');
    const stanza = `-> X25519 ${share}\n${share}\n`;
    const many = `age-encryption.org/v1\n${stanza.repeat(20_000)}--- ${share}\n`;
    const before = performance.now();
    await expect(openWith(SECRET, Buffer.from(many))).rejects.toEqual(damaged);
    const most = `age-encryption.org/v1\n${stanza.repeat(160)}--- ${share}\n`;
    expect(most.length).toBeLessThan(16_384);
    expect(await openWith(SECRET, Buffer.from(most))).toBeNull();
    expect(performance.now() - before).toBeLessThan(3000);
  });

  it('is not done by a key that the sealed bytes are not for', async () => {
    const other = new Decrypter();
    other.addIdentity(await generateIdentity());
    await expect(other.decrypt(await sealTo(PUBLIC, bytes('x')))).rejects.toThrow();
  });
});
