import { randomBytes } from 'node:crypto';
import { Decrypter, Encrypter, generateX25519Identity, identityToRecipient } from 'age-encryption';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ageIdentity, ageRecipient } from '../../src/crypto/age.ts';
import {
  AgeFileDefect,
  type AgeKeys,
  type AgeRecipient,
  openStream,
  parseAgeRecipient,
  sealStream,
} from '../../src/crypto/age-file.ts';
import { x25519PublicOfSecret } from '../../src/crypto/x25519.ts';
import { chunked, collect } from '../support/chunks.ts';

const SECRET = new Uint8Array(32).fill(7);
const OTHER = new Uint8Array(32).fill(8);
const RECIPIENT: AgeRecipient = { kind: 'x25519', publicKey: x25519PublicOfSecret(SECRET) };
const CHUNK = 65_536;
const KEYS: AgeKeys = { secrets: async () => [Uint8Array.from(SECRET)] };

const seal = (plain: Uint8Array, ...sizes: number[]) => collect(sealStream(RECIPIENT, chunked(plain, ...sizes)));
const open = (sealed: Uint8Array, ...sizes: number[]) => collect(openStream(chunked(sealed, ...sizes), KEYS));

/** Sealed for a passphrase as anybody may do it; the library does it at any work factor. */
async function sealedWith(passphrase: string, workFactor: number, plain: Uint8Array): Promise<Buffer> {
  const encrypter = new Encrypter();
  encrypter.setPassphrase(passphrase);
  encrypter.setScryptWorkFactor(workFactor);
  return Buffer.from(await encrypter.encrypt(plain));
}

describe('an age file', () => {
  it('gives back what was sealed, however it was cut into chunks', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(0, 1, 100, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 5, 200_000),
        fc.integer({ min: 1, max: 150_000 }),
        fc.integer({ min: 1, max: 150_000 }),
        async (length, some, more) => {
          const plain = randomBytes(length);
          const sealed = await seal(plain, some, more);
          expect(sealed).toHaveLength(184 + length + 16 * Math.max(1, Math.ceil(length / CHUNK)));
          expect((await open(sealed, more, 1, some)).equals(plain)).toBe(true);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('is one for the age library too, in both directions, beyond 256 chunks', async () => {
    // The nonce counts chunks in bytes: one that does not carry fails at the 257th.
    const plain = randomBytes(257 * CHUNK + 3);
    const decrypter = new Decrypter();
    decrypter.addIdentity(ageIdentity(SECRET));
    expect(Buffer.from(await decrypter.decrypt(await seal(plain))).equals(plain)).toBe(true);
    const encrypter = new Encrypter();
    encrypter.addRecipient(ageRecipient(x25519PublicOfSecret(SECRET)));
    expect((await open(await encrypter.encrypt(plain))).equals(plain)).toBe(true);
  });

  it('never gives the same bytes twice', async () => {
    expect(await seal(Buffer.from('x'))).not.toEqual(await seal(Buffer.from('x')));
  });

  it('is refused wherever it is cut off', async () => {
    const sealed = await seal(randomBytes(40));
    for (let length = 0; length < sealed.length; length++) {
      await expect(open(sealed.subarray(0, length)), `${length} bytes`).rejects.toBeInstanceOf(AgeFileDefect);
    }
    const long = await seal(randomBytes(3 * CHUNK));
    for (const chunks of [0, 1, 2]) {
      const whole = 184 + chunks * (CHUNK + 16);
      for (const length of [whole - 1, whole, whole + 1, whole + 15, whole + 16, whole + 17]) {
        await expect(open(long.subarray(0, length)), `${length} bytes`).rejects.toBeInstanceOf(AgeFileDefect);
      }
    }
  });

  it('is refused with anything behind its end, with chunks swapped, or with one bit turned', async () => {
    const sealed = await seal(randomBytes(2 * CHUNK + 10));
    await expect(open(Buffer.concat([sealed, Buffer.alloc(1)]))).rejects.toBeInstanceOf(AgeFileDefect);
    const [head, first, second, last] = [0, 184, 184 + CHUNK + 16, 184 + 2 * (CHUNK + 16)].map((start, i, starts) =>
      sealed.subarray(start, starts[i + 1]),
    ) as [Buffer, Buffer, Buffer, Buffer];
    await expect(open(Buffer.concat([head, second, first, last]))).rejects.toBeInstanceOf(AgeFileDefect);
    const small = await seal(Buffer.from('a secret'));
    for (let at = 0; at < small.length; at++) {
      const changed = Buffer.from(small);
      changed[at] = (changed[at] ?? 0) ^ 1;
      await expect(open(changed), `byte ${at}`).rejects.toMatchObject({ name: 'Failure' });
    }
  });

  it('tells an age file from another kind of file, and from one for somebody else', async () => {
    const other = new AgeFileDefect(false).message;
    for (const bytes of ['', 'age', 'PK\x03\x04', '-----BEGIN AGE ENCRYPTED FILE-----\n', 'age-encryption.org/v2\n']) {
      await expect(open(Buffer.from(bytes)), bytes).rejects.toMatchObject({ code: 'refused', message: other });
    }
    await expect(
      open(Buffer.concat([Buffer.from('age-encryption.org/v1\n'), Buffer.alloc(100_000, 'x')])),
    ).rejects.toThrow('damaged');
    const forOther = sealStream({ kind: 'x25519', publicKey: x25519PublicOfSecret(OTHER) }, chunked(Buffer.from('x')));
    await expect(collect(openStream(forOther, KEYS))).rejects.toMatchObject({ code: 'cannot-open' });
    const noKeys = collect(openStream(chunked(await seal(Buffer.from('x'))), {}));
    await expect(noKeys).rejects.toMatchObject({ code: 'cannot-open' });
  });

  it('is opened by any of several keys, among stanzas for others', async () => {
    const encrypter = new Encrypter();
    encrypter.addRecipient(await identityToRecipient(await generateX25519Identity()));
    encrypter.addRecipient(ageRecipient(x25519PublicOfSecret(SECRET)));
    const sealed = await encrypter.encrypt('for two');
    const secrets = [Uint8Array.from(OTHER), Uint8Array.from(SECRET)];
    const opened = collect(openStream(chunked(sealed), { secrets: async () => secrets }));
    expect((await opened).toString()).toBe('for two');
    expect(secrets.every((secret) => secret.every((byte) => byte === 0))).toBe(true);
  });

  it('closes its source when its reader stops, and hands over the error of a source', async () => {
    let closed = 0;
    async function* source(bytes: Uint8Array, error?: Error) {
      try {
        yield* chunked(bytes, 1000);
        if (error !== undefined) throw error;
      } finally {
        closed++;
      }
    }
    const sealed = await seal(randomBytes(3 * CHUNK));
    for await (const _ of openStream(source(sealed), KEYS)) break;
    for await (const _ of sealStream(RECIPIENT, source(sealed))) break;
    for await (const chunk of sealStream(RECIPIENT, source(sealed))) if (chunk.length > 1000) break;
    expect(closed).toBe(2); // The second was not asked for anything but its header.
    const gone = new Error('the disk is gone');
    await expect(collect(openStream(source(sealed.subarray(0, 100_000), gone), KEYS))).rejects.toBe(gone);
    await expect(collect(sealStream(RECIPIENT, source(sealed, gone)))).rejects.toBe(gone);
    await expect(open(Buffer.from('no age file'))).rejects.toBeInstanceOf(AgeFileDefect);
    expect(closed).toBe(4);
  });
});

describe('a file with a passphrase', () => {
  it('is opened with it, and not with another one', async () => {
    const sealed = await sealedWith('größer', 10, Buffer.from('for a friend'));
    const opened = (passphrase: string) =>
      collect(openStream(chunked(sealed), { ...KEYS, passphrase: async () => Buffer.from(passphrase) }));
    expect((await opened('größer')).toString()).toBe('for a friend');
    await expect(opened('grosser')).rejects.toMatchObject({
      code: 'cannot-open',
      message: expect.stringMatching('wrong'),
    });
    await expect(open(sealed)).rejects.toMatchObject({ code: 'cannot-open', message: expect.stringMatching('PIN') });
  });

  it('is sealed with a work factor of 18, off the main thread', async () => {
    const passphrase = Buffer.from('a passphrase');
    let ticks = 0;
    const ticking = setInterval(() => ticks++, 5);
    const sealed = await collect(sealStream({ kind: 'passphrase', passphrase }, chunked(Buffer.from('hello'))));
    const opened = await collect(openStream(chunked(sealed), { passphrase: async () => Buffer.from(passphrase) }));
    clearInterval(ticking);
    expect(opened.toString()).toBe('hello');
    expect(sealed.toString('latin1')).toMatch(/^age-encryption.org\/v1\n-> scrypt \S{22} 18\n/);
    expect(ticks).toBeGreaterThan(20);
  });

  it('asks for keys only if one of their kind may open it', async () => {
    let asked = '';
    const keys: AgeKeys = {
      secrets: async () => {
        asked += 'secrets ';
        return [Uint8Array.from(SECRET)];
      },
      passphrase: async () => {
        asked += 'passphrase ';
        return Buffer.from('x');
      },
    };
    await collect(openStream(chunked(await sealedWith('x', 4, Buffer.alloc(1))), keys));
    expect(asked).toBe('passphrase ');
    await collect(openStream(chunked(await seal(Buffer.alloc(1))), keys));
    expect(asked).toBe('passphrase secrets ');
  });

  it('does not do the work that a factor above 20 asks for', async () => {
    const sealed = (await sealedWith('x', 10, Buffer.alloc(1))).toString('latin1');
    for (const factor of ['21', '62', '99999999999999999999']) {
      const heavy = Buffer.from(sealed.replace(/^(-> scrypt \S+) 10$/m, `$1 ${factor}`), 'latin1');
      const before = performance.now();
      const opened = collect(openStream(chunked(heavy), { passphrase: async () => Buffer.from('x') }));
      await expect(opened).rejects.toMatchObject({ code: 'refused', hint: expect.stringMatching('age -d') });
      expect(performance.now() - before).toBeLessThan(500);
    }
  });
});

describe('an age recipient', () => {
  it('is read as people paste it', () => {
    const text = ageRecipient(x25519PublicOfSecret(SECRET));
    expect(parseAgeRecipient(` ${text}\n`)).toEqual(RECIPIENT);
    expect(parseAgeRecipient(text.toUpperCase())).toEqual(RECIPIENT);
  });

  it('is no secret key, which is not repeated, and no other kind of recipient', () => {
    const secret = ageIdentity(SECRET);
    expect(() => parseAgeRecipient(secret)).toThrow('secret');
    expect(() => parseAgeRecipient(secret)).not.toThrow(secret);
    const text = ageRecipient(x25519PublicOfSecret(SECRET));
    for (const other of [
      '',
      'age1',
      text.slice(0, -1),
      `${text.slice(0, -1)}x`,
      'ssh-ed25519 AAAA',
      'age1pq1xyz',
      '-oProxy',
    ]) {
      expect(() => parseAgeRecipient(other), other).toThrow(expect.objectContaining({ code: 'usage' }));
    }
  });
});
