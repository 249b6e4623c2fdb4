import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { publicKeyOf } from '../../src/crypto/ed25519.ts';
import { sealSeed } from '../../src/identity/envelope.ts';
import { readPublicKeyFile, type StoredKey, writeKeyFile, writePublicKeyFile } from '../../src/identity/key-file.ts';
import { OwnKey } from '../../src/identity/own-key.ts';
import type { PassphraseSource } from '../../src/identity/unlock.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const SEED = new Uint8Array(32).fill(5);
const PUBLIC = publicKeyOf(SEED);
const OTHER = publicKeyOf(new Uint8Array(32).fill(6));
const CHEAP = { memoryKib: 8, iterations: 1, parallelism: 1 };

/** A key file as `init --import` leaves it: encrypted, and without a public key beside it. */
async function importedKey(): Promise<string> {
  const path = join(temporaryFolder(), 'secret_key');
  const key: StoredKey = { kind: 'encrypted', envelope: await sealSeed(SEED, Buffer.from('a good one'), CHEAP) };
  writeKeyFile(path, key, { publicKey: null, replace: false, nowMs: 0 });
  return path;
}

function plainKey(): string {
  const path = join(temporaryFolder(), 'secret_key');
  writeFileSync(path, Buffer.from(SEED).toString('hex'), { mode: 0o600 });
  return path;
}

/** Gives the passphrases in turn, and counts how often it was asked. */
function asking(...passphrases: string[]): { source: PassphraseSource; asked: () => number } {
  let asked = 0;
  const ask = async () => Buffer.from(passphrases[asked++] ?? '');
  return { source: { kind: 'ask', ask }, asked: () => asked };
}

const nobody: PassphraseSource = { kind: 'ask', ask: () => Promise.reject(new Error('nobody should be asked')) };

describe('the own key', () => {
  it('is opened once, however often and for whatever it is needed', async () => {
    const { source, asked } = asking('a good one');
    const own = OwnKey.read(await importedKey(), source);
    expect(own.knownPublicKey).toBeNull();
    const [publicKey, identity, again] = await Promise.all([own.publicKey(), own.open(), own.openAs(PUBLIC)]);
    expect(publicKey).toEqual(PUBLIC);
    expect(identity.seed).toEqual(SEED);
    expect(again).toBe(identity);
    expect(own.knownPublicKey).toEqual(PUBLIC);
    expect(asked()).toBe(1);
  });

  it('stays closed once three passphrases were wrong: the next need asks nobody', async () => {
    const { source, asked } = asking('wrong', 'wrong', 'wrong', 'a good one');
    const own = OwnKey.read(await importedKey(), source);
    await expect(own.open()).rejects.toMatchObject({ code: 'cannot-open' });
    await expect(own.publicKey()).rejects.toMatchObject({ code: 'cannot-open' });
    expect(asked()).toBe(3);
  });

  it('needs no passphrase for what is known without', async () => {
    const path = await importedKey();
    writePublicKeyFile(path, PUBLIC);
    expect(await OwnKey.read(path, nobody).publicKey()).toEqual(PUBLIC);
    expect((await OwnKey.read(plainKey(), nobody).open()).seed).toEqual(SEED);
  });

  it('opens silently where it is plain, or something answers in place of a person', async () => {
    const path = await importedKey();
    expect(OwnKey.read(path, nobody).opensSilently).toBe(false);
    expect(OwnKey.read(path, { kind: 'value', value: 'x' }).opensSilently).toBe(true);
    expect(OwnKey.read(path, { kind: 'command', command: 'true', env: {} }).opensSilently).toBe(true);
    expect(OwnKey.read(plainKey(), nobody).opensSilently).toBe(true);
  });

  it('is refused, and the file beside it corrected, where that named another key', async () => {
    const path = await importedKey();
    writePublicKeyFile(path, OTHER);
    const own = OwnKey.read(path, asking('a good one').source);
    expect(await own.publicKey()).toEqual(OTHER);
    await expect(own.openAs(OTHER)).rejects.toMatchObject({ code: 'refused', message: expect.stringContaining(path) });
    expect(readPublicKeyFile(path)).toEqual(PUBLIC);
    expect(await own.publicKey()).toEqual(PUBLIC);
  });

  it('is null where there may be none and is none, and a failure in every other way', () => {
    expect(OwnKey.ifAny(join(temporaryFolder(), 'secret_key'), nobody)).toBeNull();
    const damaged = join(temporaryFolder(), 'secret_key');
    writeFileSync(damaged, 'not a key', { mode: 0o600 });
    expect(() => OwnKey.ifAny(damaged, nobody)).toThrow('neither 64 hex characters');
  });
});

describe('wiping the own key', () => {
  it('overwrites the seed that was opened', async () => {
    for (const [path, source] of [
      [plainKey(), nobody],
      [await importedKey(), asking('a good one').source],
    ] as const) {
      const own = OwnKey.read(path, source);
      const { seed } = await own.open();
      own.wipe();
      expect(seed).toEqual(new Uint8Array(32));
    }
  });

  it('overwrites a plain seed that was read and never opened, and opens nothing any more', async () => {
    const seed = Uint8Array.from(SEED);
    const own = new OwnKey(plainKey(), { kind: 'plain', seed }, nobody);
    own.wipe();
    expect(seed).toEqual(new Uint8Array(32));
    await expect(own.open()).rejects.toThrow('wiped');
  });

  it('overwrites what is opened only afterwards, as after Ctrl-C at the question', async () => {
    let answer: (passphrase: Uint8Array) => void = () => {};
    const own = OwnKey.read(await importedKey(), {
      kind: 'ask',
      ask: () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
    });
    const opening = own.open();
    own.wipe();
    answer(Buffer.from('a good one'));
    expect((await opening).seed).toEqual(new Uint8Array(32));
  });
});
