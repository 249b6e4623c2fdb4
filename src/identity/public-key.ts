import { decode, encode } from 'z32';
import { Failure } from '../failure.ts';

/** z-base-32 of 32 bytes: 52 characters hold 256 bits and four spare ones. */
const Z32 = /^[ybndrfg8ejkmcpqxot1uwisza345h769]{52}$/;
const Z32_LENGTH = 52;
/** A key in an address, behind `pubky` or not. */
const KEY_WITHIN = /(?<=[/=:#.]|[/=:#.]pubky)[ybndrfg8ejkmcpqxot1uwisza345h769]{52}(?![a-z0-9])/g;
const SECRET_HEX = /^(0x)?[0-9a-f]{64}$/;

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
  if (z32.length !== Z32_LENGTH) throw notAKey(`it has ${z32.length} characters instead of ${Z32_LENGTH}`);
  if (!Z32.test(z32))
    throw notAKey('it may only have the characters y b n d r f g 8 e j k m c p q x o t 1 u w i s z a 3 4 5 h 7 6 9');
  const bytes = Uint8Array.from(decode(z32));
  if (encode(bytes) !== z32) throw notAKey('its last character is wrong');
  return bytes;
}

/**
 * The 32 bytes of a public key as people paste it: in any form that Pubky's and PKARR's programs write or
 * read, with what surrounds it in a sentence or a terminal. These are `pk:<z32>`, `pubky<z32>`,
 * `pubky://<z32>/path`, `https://_pubky.<z32>./path`, and the address of a page with one key in it, such as
 * `https://pubky.app/profile/<z32>`; upper case too.
 *
 * Throws `usage` for anything else, without repeating it: it may be a secret key.
 */
export function readPublicKey(text: string): Uint8Array {
  const bare = text.replace(/^[\s\p{Cf}"'`<([]+|[\s\p{Cf}"'`>)\].,;]+$/gu, '').toLowerCase();
  if (SECRET_HEX.test(bare)) {
    throw new Failure(
      'usage',
      'That is not a public key: 64 hex characters are how a secret key is written.',
      'Give it to nobody. A public key has 52 characters; `cclink whoami` shows it on its machine.',
    );
  }
  if (bare.length <= Z32_LENGTH) return parsePublicKey(bare);
  const host = bare
    .replace(/^[a-z][a-z0-9+-]*:(\/\/)?/, '')
    .replace(/[/?#].*$/s, '')
    .replace(/^.*@/, '')
    .replace(/:[0-9]*$/, '')
    .replace(/\.+$/, '')
    .replace(/^.*\./, '')
    .replace(/^pubky(?=.{52}$)/, '');
  if (host.length === Z32_LENGTH) return parsePublicKey(host);
  const within = new Set(bare.match(KEY_WITHIN));
  const [only] = within;
  if (only === undefined || within.size > 1) throw notAKey(`it has ${bare.length} characters instead of ${Z32_LENGTH}`);
  return parsePublicKey(only);
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
