import { createRequire } from 'node:module';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { publicKeyOf } from '../../src/crypto/ed25519.ts';
import { encodePublicKey, readPublicKey } from '../../src/identity/public-key.ts';
import { openRecoveryFile, parseRecoveryFile, type RecoveryFile } from '../../src/identity/recovery-file.ts';
import { describePeer } from './peer-programs.ts';

/** What the tests use of the SDK's key pair. */
interface PubkyKeypair {
  readonly publicKey: { z32(): string; toString(): string; toUint8Array(): Uint8Array };
  createRecoveryFile(passphrase: string): Uint8Array;
}

async function pubkyKeypair(): Promise<{ fromSecret(seed: Uint8Array): PubkyKeypair }> {
  return (await import(new URL('./pubky-peer.mjs', import.meta.url).href)).Keypair;
}

const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 });
const passphrases = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 });

describePeer('npm @synonymdev/pubky, the SDK of Pubky', missing(), () => {
  it('has the same public keys, and all texts of them are read', async () => {
    const Keypair = await pubkyKeypair();
    fc.assert(
      fc.property(seeds, (seed) => {
        const { publicKey } = Keypair.fromSecret(seed);
        expect(publicKey.z32()).toBe(encodePublicKey(publicKeyOf(seed)));
        for (const text of [publicKey.toString(), publicKey.z32(), `pubky://${publicKey.z32()}/pub/`]) {
          expect(readPublicKey(text)).toEqual(publicKey.toUint8Array());
        }
      }),
      { numRuns: 50 },
    );
  });

  it('writes recovery files that open with their passphrase', async () => {
    const Keypair = await pubkyKeypair();
    await fc.assert(
      fc.asyncProperty(seeds, passphrases, async (seed, passphrase) => {
        const file = parseRecoveryFile(Keypair.fromSecret(seed).createRecoveryFile(passphrase)) as RecoveryFile;
        expect(await openRecoveryFile(file, Buffer.from(passphrase))).toEqual(seed);
        expect(await openRecoveryFile(file, Buffer.from(`${passphrase}x`))).toBeNull();
      }),
      { numRuns: 10 },
    );
  });
});

function missing(): string[] {
  try {
    createRequire(import.meta.url).resolve('@synonymdev/pubky');
    return [];
  } catch {
    return ['npm @synonymdev/pubky'];
  }
}
