import { publicKeyOf } from '../crypto/ed25519.ts';
import { Failure } from '../failure.ts';
import { secretBytes } from '../secret-bytes.ts';
import { openEnvelope } from './envelope.ts';
import { refreshPublicKeyFile, type StoredKey } from './key-file.ts';
import { passphraseBytes, passphraseFromCommand } from './passphrase.ts';
import { otherForms } from './secret-forms.ts';

/** An opened key pair: Ed25519 public key and seed, 32 bytes each. `wipe` it after use. */
export interface Identity {
  readonly publicKey: Uint8Array;
  readonly seed: Uint8Array;
}

/** Where the passphrase of an encrypted key comes from. */
export type PassphraseSource =
  | { readonly kind: 'value'; readonly value: string | Uint8Array }
  /**
   * `CCLINK_PASSPHRASE_COMMAND`, and the environment it runs in, free of our secrets. `beforehand` is called
   * before it runs.
   */
  | {
      readonly kind: 'command';
      readonly command: string;
      readonly env: NodeJS.ProcessEnv;
      readonly beforehand?: () => void;
    }
  /** Somebody is asked up to three times: `attempt` is 1, 2, 3. Answers are UTF-8 bytes, which are wiped. */
  | { readonly kind: 'ask'; readonly ask: (attempt: number) => Promise<Uint8Array> };

const MAX_ATTEMPTS = 3;

/** The identity of a 32-byte seed. It holds a copy; the caller wipes its own. */
export function identityOf(seed: Uint8Array): Identity {
  return { publicKey: publicKeyOf(seed), seed: secretBytes(seed) };
}

/** Overwrites the seed. The identity can't be used afterwards. */
export function wipe(identity: Identity): void {
  identity.seed.fill(0);
}

/**
 * Opens the key that was read from the file at `path`. Only an encrypted key needs the source; the public key
 * in the file beside it is corrected if it was wrong or missing.
 *
 * Throws `cannot-open` for a wrong passphrase, a damaged key or a failing command, and whatever `ask` throws.
 */
export async function unlock(path: string, key: StoredKey, source: PassphraseSource): Promise<Identity> {
  if (key.kind === 'plain') return identityOf(key.seed);
  const seed = await tryPassphrases(source, (passphrase) => openEnvelope(key.envelope, passphrase));
  if (seed === null) {
    throw new Failure('cannot-open', `The passphrase does not open the key ${path}.`, HINTS[source.kind]);
  }
  const identity = { publicKey: publicKeyOf(seed), seed };
  await refreshPublicKeyFile(path, key, identity.publicKey);
  return identity;
}

/**
 * What `open` makes of the first passphrase (UTF-8 bytes, overwritten afterwards) that is right; null if none
 * was. Somebody is asked up to three times, any other source once. Throws as `unlock` does.
 */
export async function tryPassphrases<T>(
  source: PassphraseSource,
  open: (passphrase: Uint8Array) => Promise<T | null>,
): Promise<T | null> {
  const attempts = source.kind === 'ask' ? MAX_ATTEMPTS : 1;
  for (let attempt = 1; attempt <= attempts; attempt++) {
    const passphrase = await passphraseFrom(source, attempt);
    const forms = [passphrase, ...otherForms(passphrase)];
    try {
      for (const form of forms) {
        const opened = await open(form);
        if (opened !== null) return opened;
      }
    } finally {
      for (const form of forms) form.fill(0);
    }
  }
  return null;
}

const HINTS: Readonly<Record<PassphraseSource['kind'], string>> = {
  value: 'Check CCLINK_PASSPHRASE, or unset it to be asked.',
  command: 'Check what CCLINK_PASSPHRASE_COMMAND prints in its first line.',
  ask: 'Try again; if it is lost, nobody can recover it, and cclink init makes a new key beside the old one.',
};

async function passphraseFrom(source: PassphraseSource, attempt: number): Promise<Uint8Array> {
  switch (source.kind) {
    case 'value':
      return passphraseBytes(source.value);
    case 'command':
      source.beforehand?.();
      return passphraseFromCommand(source.command, source.env);
    case 'ask':
      return source.ask(attempt);
  }
}
