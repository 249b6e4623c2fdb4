import { type Argon2Parameters, argon2id } from '../crypto/argon2id.ts';
import { Failure } from '../failure.ts';

/** What the first line begins with; older files say pkarr.org. */
const FIRST_LINES = ['pubky.org/recovery', 'pkarr.org/recovery'];
const NONCE_LENGTH = 24;
/** A nonce, a tag and the seed. */
const SEALED_LENGTH = NONCE_LENGTH + 16 + 32;
/** The defaults of Rust's `argon2`, which pubky-core takes, and the same salt for everybody. */
const PARAMETERS: Argon2Parameters = { memoryKib: 19_456, iterations: 2, parallelism: 1 };
const SALT = Buffer.from('recovery');

/** A recovery file of Pubky (`recovery_file.rs` of pubky-core): a 32-byte seed under a passphrase. */
export interface RecoveryFile {
  readonly nonce: Uint8Array;
  readonly sealed: Uint8Array;
}

/** True if these bytes begin like a recovery file. */
export function looksLikeRecoveryFile(bytes: Uint8Array): boolean {
  return FIRST_LINES.some((line) => Buffer.from(line).equals(bytes.subarray(0, line.length)));
}

/**
 * The recovery file in these bytes; null if they don't begin like one. Throws `cannot-open` if it has not the
 * length of one: it was cut off, or taken for text on its way.
 */
export function parseRecoveryFile(bytes: Uint8Array): RecoveryFile | null {
  if (!looksLikeRecoveryFile(bytes)) return null;
  const newline = bytes.indexOf(0x0a);
  const sealed = bytes.subarray(newline + 1);
  if (newline < 0 || bytes[newline - 1] === 0x0d || sealed.length !== SEALED_LENGTH) {
    throw new Failure(
      'cannot-open',
      'The recovery file is damaged: it has not the length of one.',
      'Bring it over as it is, not as text: with scp, or once more from the app.',
    );
  }
  return {
    nonce: Uint8Array.from(sealed.subarray(0, NONCE_LENGTH)),
    sealed: Uint8Array.from(sealed.subarray(NONCE_LENGTH)),
  };
}

/** Opens a recovery file with a passphrase (UTF-8 bytes): the 32-byte seed; null if that is wrong. */
export async function openRecoveryFile(file: RecoveryFile, passphrase: Uint8Array): Promise<Uint8Array | null> {
  if (passphrase.length === 0) return null;
  const { xsalsa20poly1305 } = await import('@noble/ciphers/salsa.js');
  const key = await argon2id(passphrase, SALT, PARAMETERS);
  try {
    return xsalsa20poly1305(key, file.nonce).decrypt(file.sealed);
  } catch {
    return null;
  } finally {
    key.fill(0);
  }
}
