import { randomBytes } from 'node:crypto';
import { openWith, SEALED_OVERHEAD, sealTo } from '../crypto/age.ts';
import { passwordKey } from '../crypto/password-key.ts';
import { x25519PublicOf, x25519PublicOfSecret, x25519SecretOf } from '../crypto/x25519.ts';

/**
 * Argon2id parameters for PINs. They are not in the record, so both sides must use these (docs/PROTOCOL.md,
 * "PIN").
 */
const PIN_PARAMETERS = { memoryKib: 65_536, iterations: 3, parallelism: 1 };
const PIN_INFO = 'cclink-pin-v1';

/**
 * For whom to seal: the publisher alone, the owner of another Ed25519 key (32 bytes), or anybody who knows a
 * PIN.
 */
export type Audience =
  | { readonly mode: 'self' }
  | { readonly mode: 'share'; readonly publicKey: Uint8Array }
  | { readonly mode: 'pin'; readonly pin: Uint8Array };

/** Turns payloads into ciphertext. Made once, since deriving the key of a PIN takes a third of a second. */
export interface Sealer {
  readonly pinSalt: Uint8Array | null;
  seal(payload: Uint8Array): Promise<Uint8Array>;
}

/** The length in base64 of a payload of `length` bytes once it is sealed. */
export function sealedTextLength(length: number): number {
  return 4 * Math.ceil((length + SEALED_OVERHEAD) / 3);
}

/** The longest payload, in bytes, that has at most `length` base64 characters once it is sealed. */
export function payloadRoom(length: number): number {
  return Math.floor(length / 4) * 3 - SEALED_OVERHEAD;
}

/** Throws `usage` for a recipient for whom nothing can be sealed, or what anybody could open. */
export async function refuseWeakRecipient(audience: Audience): Promise<void> {
  if (audience.mode === 'share') await x25519PublicOf(audience.publicKey);
}

/** Prepares sealing for an audience; `publisherSeed` is the publisher's 32-byte Ed25519 seed. */
export async function sealerFor(audience: Audience, publisherSeed: Uint8Array): Promise<Sealer> {
  const pinSalt = audience.mode === 'pin' ? Uint8Array.from(randomBytes(32)) : null;
  const recipient = await recipientOf(audience, publisherSeed, pinSalt);
  return { pinSalt, seal: (payload) => sealTo(recipient, payload) };
}

async function recipientOf(audience: Audience, seed: Uint8Array, pinSalt: Uint8Array | null): Promise<Uint8Array> {
  if (audience.mode === 'share') return x25519PublicOf(audience.publicKey);
  const secret =
    audience.mode === 'pin' ? await pinKey(audience.pin, pinSalt ?? new Uint8Array()) : x25519SecretOf(seed);
  const recipient = x25519PublicOfSecret(secret);
  secret.fill(0);
  return recipient;
}

/** The X25519 secret (32 bytes) of a PIN (UTF-8 bytes as typed) and the record's salt. */
function pinKey(pin: Uint8Array, salt: Uint8Array): Promise<Uint8Array> {
  return passwordKey(pin, salt, PIN_PARAMETERS, PIN_INFO);
}

/** Opens a sealed payload with a 32-byte Ed25519 seed. Null if it is sealed for another key. */
export async function openWithSeed(blob: Uint8Array, seed: Uint8Array): Promise<Uint8Array | null> {
  const secret = x25519SecretOf(seed);
  try {
    return await openWith(secret, blob);
  } finally {
    secret.fill(0);
  }
}

/** Opens a sealed payload with a PIN (UTF-8 bytes as typed). Null if that is wrong. */
export async function openWithPin(blob: Uint8Array, salt: Uint8Array, pin: Uint8Array): Promise<Uint8Array | null> {
  const secret = await pinKey(pin, salt);
  try {
    return await openWith(secret, blob);
  } finally {
    secret.fill(0);
  }
}
