import { hkdfSync } from 'node:crypto';

/**
 * HKDF-SHA256 (RFC 5869), 32 bytes: `info` keeps keys of different uses apart, `salt` those of different
 * places.
 */
export function hkdf(ikm: Uint8Array, info: string, salt: Uint8Array = new Uint8Array()): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', ikm, salt, info, 32));
}
