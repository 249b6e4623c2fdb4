import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { publicKeyOf } from '../../src/crypto/ed25519.ts';
import { sealSeed } from '../../src/identity/envelope.ts';
import { readPublicKeyFile, type StoredKey, writePublicKeyFile } from '../../src/identity/key-file.ts';
import { encodeStoredKey } from '../../src/identity/stored-key.ts';
import { identityOf, type PassphraseSource, unlock, wipe } from '../../src/identity/unlock.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { canMount, withTinyDisk } from '../support/tmpfs.ts';

const SEED = new Uint8Array(32).fill(5);
const PUBLIC = publicKeyOf(SEED);
const CHEAP = { memoryKib: 8, iterations: 1, parallelism: 1 };
const keyPath = () => join(temporaryFolder(), 'secret_key');
const encrypted = async (passphrase = 'päßphrase 🔑'): Promise<StoredKey> => ({
  kind: 'encrypted',
  envelope: await sealSeed(SEED, Buffer.from(passphrase), CHEAP),
});

/** Answers in turn, and records the questions. */
function asker(...answers: string[]): { source: PassphraseSource; attempts: number[] } {
  const attempts: number[] = [];
  const ask = async (attempt: number) => {
    attempts.push(attempt);
    return Buffer.from(answers[attempt - 1] ?? '');
  };
  return { source: { kind: 'ask', ask }, attempts };
}

describe('opening the own key', () => {
  it('needs no passphrase for a plain key, and asks for none', async () => {
    const path = keyPath();
    const { source, attempts } = asker();
    expect(await unlock(path, { kind: 'plain', seed: SEED }, source)).toEqual({ publicKey: PUBLIC, seed: SEED });
    expect(attempts).toEqual([]);
    expect(existsSync(`${path}.pub`)).toBe(false);
  });

  it.each<[string, PassphraseSource]>([
    ['a value', { kind: 'value', value: 'päßphrase 🔑' }],
    ['a command', { kind: 'command', command: "echo 'päßphrase 🔑'", env: process.env }],
    ['an answer', asker('päßphrase 🔑').source],
  ])('takes the passphrase from %s', async (_, source) => {
    expect(await unlock(keyPath(), await encrypted(), source)).toEqual({ publicKey: PUBLIC, seed: SEED });
  });

  it.each(['caf\u00e9 cr\u00e8me br\u00fbl\u00e9e', 'cafe\u0301 cre\u0300me bru\u0302le\u0301e'])(
    'takes %s whichever way its accents are typed',
    async (made) => {
      for (const form of ['NFC', 'NFD']) {
        const source = { kind: 'value', value: made.normalize(form) } as const;
        expect(await unlock(keyPath(), await encrypted(made), source)).toMatchObject({ seed: SEED });
      }
    },
  );

  it('asks three times, and no more', async () => {
    const third = asker('wrong', '', 'päßphrase 🔑');
    expect(await unlock(keyPath(), await encrypted(), third.source)).toMatchObject({ seed: SEED });
    expect(third.attempts).toEqual([1, 2, 3]);
    const never = asker('wrong', 'wrong', 'wrong', 'päßphrase 🔑');
    await expect(unlock(keyPath(), await encrypted(), never.source)).rejects.toMatchObject({ code: 'cannot-open' });
    expect(never.attempts).toEqual([1, 2, 3]);
  });

  it.each<[string, PassphraseSource]>([
    ['a value', { kind: 'value', value: 'not the passphrase' }],
    ['a command', { kind: 'command', command: 'echo not the passphrase', env: process.env }],
  ])('tries %s once, and does not repeat a wrong one', async (_, source) => {
    const failure = await unlock(keyPath(), await encrypted(), source).catch((error: unknown) => error);
    expect(failure).toMatchObject({ name: 'Failure', code: 'cannot-open' });
    expect(JSON.stringify(failure) + String(failure)).not.toContain('not the passphrase');
  });

  it('makes the public key beside it right where it was missing or wrong', async () => {
    const path = keyPath();
    const source: PassphraseSource = { kind: 'value', value: 'päßphrase 🔑' };
    const key = await encrypted();
    writeFileSync(path, encodeStoredKey(key), { mode: 0o600 });
    await unlock(path, key, source);
    expect(readPublicKeyFile(path)).toEqual(PUBLIC);
    writePublicKeyFile(path, publicKeyOf(new Uint8Array(32)));
    await unlock(path, key, source);
    expect(readPublicKeyFile(path)).toEqual(PUBLIC);
  });

  it('leaves the public key of another key that has been put there meanwhile', async () => {
    const path = keyPath();
    const key = await encrypted();
    writeFileSync(path, encodeStoredKey(await encrypted()), { mode: 0o600 });
    const other = publicKeyOf(new Uint8Array(32));
    writePublicKeyFile(path, other);
    await unlock(path, key, { kind: 'value', value: 'päßphrase 🔑' });
    expect(readPublicKeyFile(path)).toEqual(other);
  });

  it('does not touch the public key for a wrong passphrase', async () => {
    const path = keyPath();
    await expect(unlock(path, await encrypted(), { kind: 'value', value: 'wrong' })).rejects.toThrow();
    expect(existsSync(`${path}.pub`)).toBe(false);
  });

  it.runIf(canMount)('works where the public key cannot be written', async () => {
    await withTinyDisk(16, async ({ path: disk, seal }) => {
      await seal();
      const source: PassphraseSource = { kind: 'value', value: 'päßphrase 🔑' };
      expect(await unlock(join(disk, 'secret_key'), await encrypted(), source)).toMatchObject({ seed: SEED });
      expect(readdirSync(disk)).toEqual([]);
    });
  });
});

describe('an identity', () => {
  it('has a seed of its own, which is overwritten when it is forgotten', () => {
    const seed = Uint8Array.from(SEED);
    const identity = identityOf(seed);
    seed.fill(0);
    expect(identity).toEqual({ publicKey: PUBLIC, seed: SEED });
    wipe(identity);
    expect(identity.seed).toEqual(new Uint8Array(32));
  });
});
