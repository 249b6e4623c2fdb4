import { decode, encode } from 'z32';
import { Failure } from '../failure.ts';

/** z-base-32 of 32 bytes: 52 characters hold 256 bits and four spare ones. */
const Z32 = /^[ybndrfg8ejkmcpqxot1uwisza345h769]{52}$/;

/** The z-base-32 text (52 characters) of a 32-byte public key. */
export function encodePublicKey(publicKey: Uint8Array): string {
  return encode(publicKey);
}

/**
 * The 32 bytes of a public key written as `<z32>` or `pk:<z32>`.
 *
 * Throws `usage` for anything else. Spare bits must be zero, so that no key has two names. Whether the bytes
 * are a point of the curve is not checked here.
 */
export function parsePublicKey(text: string): Uint8Array {
  const z32 = text.startsWith('pk:') ? text.slice(3) : text;
  if (!Z32.test(z32))
    throw notAKey('it must be 52 characters of y b n d r f g 8 e j k m c p q x o t 1 u w i s z a 3 4 5 h 7 6 9');
  const bytes = Uint8Array.from(decode(z32));
  if (encode(bytes) !== z32) throw notAKey('its last character is wrong');
  return bytes;
}

/**
 * The first 8 characters (40 bits) of a public key: enough for people to tell their keys apart, not to trust
 * one.
 */
export function fingerprint(publicKey: Uint8Array): string {
  return encodePublicKey(publicKey).slice(0, 8);
}

/** True if both are the same 32 bytes. Public keys need no constant-time comparison. */
export function samePublicKey(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function notAKey(reason: string): Failure {
  return new Failure(
    'usage',
    `That is not a public key: ${reason}.`,
    'Copy it again; `cclink whoami` shows it on its machine.',
  );
}
