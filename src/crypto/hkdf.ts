import { hkdfSync } from 'node:crypto';

/** HKDF-SHA256 (RFC 5869) without a salt, 32 bytes: `info` keeps keys of different uses apart. */
export function hkdf(ikm: Uint8Array, info: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', ikm, new Uint8Array(), info, 32));
}
