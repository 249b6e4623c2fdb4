import { randomBytes } from 'node:crypto';
import { openWith, sealTo } from '../crypto/age.ts';
import type { Argon2Parameters } from '../crypto/argon2id.ts';
import { passwordKey } from '../crypto/password-key.ts';
import { x25519PublicOfSecret } from '../crypto/x25519.ts';
import { Failure } from '../failure.ts';
import { damageOf, HEADER_LENGTH, looksLikeEnvelope, MAGIC, SALT_OFFSET, SEED_LENGTH } from './envelope-form.ts';

const VERSION = 1;
const INFO = 'cclink-key-v1';
/** The largest envelope that is read, in bytes. Ours have 285, those of Rust cclink up to 470. */
export const MAX_ENVELOPE_LENGTH = 4096;

/** For new envelopes. */
const DEFAULT_PARAMETERS: Argon2Parameters = { memoryKib: 65_536, iterations: 3, parallelism: 1 };

/** Limits, since the header is untrusted: no file may make us reserve memory or compute without end. */
const MAX_MEMORY_KIB = 256 * 1024;
const MAX_ITERATIONS = 64;
const MAX_PARALLELISM = 16;
/** Memory times iterations: about a second with hash-wasm. The default parameters use three eighths of it. */
const MAX_WORK_KIB = 512 * 1024;

/** A CCLINKEK envelope: a 32-byte seed sealed with a passphrase. Its parameters are within limits. */
export interface Envelope {
  readonly parameters: Argon2Parameters;
  /** 32 bytes. */
  readonly salt: Uint8Array;
  /** An age v1 file for the key-encryption key. */
  readonly ciphertext: Uint8Array;
}

/**
 * Reads an envelope (docs/PROTOCOL.md, "Keys"). Throws `cannot-open` if it is not within limits, or not to
 * the byte what its header says: a pipe or an editor may have taken it for text. That it is whole can be told
 * without the passphrase; that it opens can't.
 */
export function parseEnvelope(bytes: Uint8Array): Envelope {
  if (!looksLikeEnvelope(bytes)) throw cannotOpen('The encrypted key does not begin like one.');
  if (bytes.length > MAX_ENVELOPE_LENGTH) throw cannotOpen('The encrypted key is too long to be one.');
  if (bytes.length <= MAGIC.length) throw cannotOpen('The encrypted key is cut off.');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const version = view.getUint8(MAGIC.length);
  if (version !== VERSION) {
    throw cannotOpen(`The encrypted key is of version ${version}, which this cclink does not know.`, 'Update cclink.');
  }
  const damage = damageOf(bytes);
  if (damage !== null) throw cannotOpen(`The encrypted key is damaged: ${damage}.`);
  const parameters = { memoryKib: view.getUint32(9), iterations: view.getUint32(13), parallelism: view.getUint32(17) };
  checkParameters(parameters);
  // Copies, because the caller may wipe the bytes; a Buffer's slice() would share them.
  const salt = Uint8Array.from(bytes.subarray(SALT_OFFSET, HEADER_LENGTH));
  return { parameters, salt, ciphertext: Uint8Array.from(bytes.subarray(HEADER_LENGTH)) };
}

/** The bytes of an envelope: exactly those that it was parsed from. */
export function encodeEnvelope({ parameters, salt, ciphertext }: Envelope): Uint8Array {
  const bytes = new Uint8Array(HEADER_LENGTH + ciphertext.length);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  view.setUint8(8, VERSION);
  view.setUint32(9, parameters.memoryKib);
  view.setUint32(13, parameters.iterations);
  view.setUint32(17, parameters.parallelism);
  bytes.set(salt, SALT_OFFSET);
  bytes.set(ciphertext, HEADER_LENGTH);
  return bytes;
}

/**
 * Seals a 32-byte seed with a passphrase (UTF-8 bytes as typed) under a fresh salt. Takes about a third of a
 * second.
 */
export async function sealSeed(
  seed: Uint8Array,
  passphrase: Uint8Array,
  parameters: Argon2Parameters = DEFAULT_PARAMETERS,
): Promise<Envelope> {
  checkParameters(parameters);
  const salt = Uint8Array.from(randomBytes(32));
  const key = await passwordKey(passphrase, salt, parameters, INFO);
  const recipient = x25519PublicOfSecret(key);
  key.fill(0);
  return { parameters, salt, ciphertext: await sealTo(recipient, seed) };
}

/**
 * Opens an envelope with a passphrase (UTF-8 bytes as typed) and returns the 32-byte seed; null if that is
 * wrong.
 *
 * Throws `cannot-open` if the passphrase is right but the content is damaged.
 */
export async function openEnvelope(envelope: Envelope, passphrase: Uint8Array): Promise<Uint8Array | null> {
  if (passphrase.length === 0) return null;
  const key = await passwordKey(passphrase, envelope.salt, envelope.parameters, INFO);
  try {
    const seed = await openWith(key, envelope.ciphertext);
    if (seed === null || seed.length === SEED_LENGTH) return seed;
    seed.fill(0);
    throw cannotOpen(`The encrypted key holds ${seed.length} bytes where a key has ${SEED_LENGTH}.`);
  } finally {
    key.fill(0);
  }
}

function checkParameters({ memoryKib, iterations, parallelism }: Argon2Parameters): void {
  const fits =
    parallelism >= 1 &&
    parallelism <= MAX_PARALLELISM &&
    iterations >= 1 &&
    iterations <= MAX_ITERATIONS &&
    memoryKib >= 8 * parallelism &&
    memoryKib <= MAX_MEMORY_KIB &&
    memoryKib * iterations <= MAX_WORK_KIB;
  if (fits) return;
  throw cannotOpen(
    `The encrypted key asks for ${memoryKib} KiB of memory, ${iterations} passes and ${parallelism} lanes, which is outside what cclink allows.`,
  );
}

function cannotOpen(message: string, hint = 'Put a backup of the key file in its place.'): Failure {
  return new Failure('cannot-open', message, hint);
}
