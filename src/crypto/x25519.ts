import { createHash, createPrivateKey, createPublicKey } from 'node:crypto';
import { Failure } from '../failure.ts';
import { secretBytes } from '../secret-bytes.ts';

/** DER of a PKCS #8 X25519 private key up to its 32-byte secret (RFC 8410). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex');
/** Length of the DER of an X25519 SubjectPublicKeyInfo before its 32 bytes (RFC 8410). */
const SPKI_PREFIX_LENGTH = 12;

/** The 32-byte X25519 secret of a 32-byte Ed25519 seed: SHA-512(seed)[0..32]. Clamped on use (RFC 7748). */
export function x25519SecretOf(seed: Uint8Array): Uint8Array {
  const digest = createHash('sha512').update(seed).digest();
  const secret = secretBytes(digest.subarray(0, 32));
  digest.fill(0);
  return secret;
}

/** The 32-byte X25519 public key of a 32-byte X25519 secret (RFC 7748). */
export function x25519PublicOfSecret(secret: Uint8Array): Uint8Array {
  const der = Buffer.concat([PKCS8_PREFIX, secret]);
  try {
    const key = createPublicKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
    return Uint8Array.from(key.export({ format: 'der', type: 'spki' }).subarray(SPKI_PREFIX_LENGTH));
  } finally {
    der.fill(0);
  }
}

/**
 * The 32-byte X25519 public key of a 32-byte Ed25519 public key: the same point in Montgomery form.
 *
 * Throws `usage` for 32 bytes that are not the canonical encoding of a point, or are a point of small order
 * (anybody could open what is sealed for it).
 */
export async function x25519PublicOf(publicKey: Uint8Array): Promise<Uint8Array> {
  const { ed25519 } = await import('@noble/curves/ed25519.js');
  let point: InstanceType<typeof ed25519.Point>;
  try {
    point = ed25519.Point.fromBytes(publicKey);
  } catch {
    throw unusable('it is not a point of the curve');
  }
  if (point.isSmallOrder()) throw unusable('it is one of the few weak keys that anybody can open');
  return ed25519.utils.toMontgomery(publicKey);
}

function unusable(reason: string): Failure {
  return new Failure('usage', `Nothing can be sealed for this public key: ${reason}.`, 'Check the key that you typed.');
}
