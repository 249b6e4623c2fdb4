import { decode, encode } from 'z32';
import { Failure } from '../failure.ts';

/** z-base-32 of 32 bytes: 256 bits in 52 characters, four bits to spare. */
const Z32 = /^[ybndrfg8ejkmcpqxot1uwisza345h769]{52}$/;

/** The z-base-32 text (52 characters) of a 32-byte public key. */
export function encodePublicKey(publicKey: Uint8Array): string {
  return encode(publicKey);
}

/**
 * The 32 bytes of a public key written as `<z32>` or `pk:<z32>`.
 *
 * Throws `usage` for anything else; also where a spare bit is set, as that text would name a key that has another name already. That
 * the bytes are a point of the curve is not checked here.
 */
export function parsePublicKey(text: string): Uint8Array {
  const z32 = text.startsWith('pk:') ? text.slice(3) : text;
  if (!Z32.test(z32))
    throw notAKey('it must be 52 characters of y b n d r f g 8 e j k m c p q x o t 1 u w i s z a 3 4 5 h 7 6 9');
  const bytes = Uint8Array.from(decode(z32));
  if (encode(bytes) !== z32) throw notAKey('its last character is wrong');
  return bytes;
}

/** The first 8 characters of a public key's z-base-32 (40 bits): for people to tell keys apart, not for trust. */
export function fingerprint(publicKey: Uint8Array): string {
  return encodePublicKey(publicKey).slice(0, 8);
}

/** True if both are the same 32 bytes. Keys are public, so time may tell. */
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
