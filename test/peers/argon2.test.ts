import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { argon2id } from '../../src/crypto/argon2id.ts';
import { argon2 } from './argon2-program.ts';
import { describePeer, missingPrograms } from './peer-programs.ts';

const bytes = (text: string) => Uint8Array.from(Buffer.from(text));
const SALT = bytes('a salt of 32 printable letters..');

/**
 * Memory in KiB, iterations, lanes: first those of a PIN and a new envelope, then what other envelopes may
 * use.
 */
const PARAMETERS: readonly (readonly [memoryKib: number, iterations: number, parallelism: number])[] = [
  [65_536, 3, 1],
  [8, 1, 1],
  [16, 1, 2],
  [32, 1, 4],
  [100, 2, 3],
  [1000, 5, 4],
  [8192, 3, 4],
  [19_456, 2, 1],
];

describePeer('argon2', missingPrograms('argon2'), () => {
  it.each(PARAMETERS)(
    'derives the same key with %i KiB, %i passes and %i lanes',
    async (memoryKib, iterations, parallelism) => {
      const parameters = { memoryKib, iterations, parallelism };
      const ours = await argon2id(bytes('correct horse battery'), SALT, parameters);
      expect(ours).toEqual(Uint8Array.from(await argon2(bytes('correct horse battery'), SALT, parameters)));
    },
  );

  it.each(['x', 'with  spaces ', 'пароль-длинный', '🔑🔑🔑 key', '\n', 'p'.repeat(127)])(
    'derives the same key from %j',
    async (password) => {
      const parameters = { memoryKib: 64, iterations: 3, parallelism: 1 };
      const ours = await argon2id(bytes(password), SALT, parameters);
      expect(ours).toEqual(Uint8Array.from(await argon2(bytes(password), SALT, parameters)));
    },
  );

  it.each([8, 16, 32, 64])('derives the same key with a salt of %i bytes, whatever they are', async (length) => {
    const parameters = { memoryKib: 64, iterations: 1, parallelism: 1 };
    const salt = randomBytes(length).map((byte) => byte || 0xff);
    salt[length - 1] = 0xfe;
    const ours = await argon2id(bytes('12345678'), salt, parameters);
    expect(ours).toEqual(Uint8Array.from(await argon2(bytes('12345678'), salt, parameters)));
  });
});
