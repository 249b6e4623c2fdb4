import { createHash } from 'node:crypto';
import { sign, verify } from '../crypto/ed25519.ts';

/** The largest `v` that BEP 44 allows, in bytes. */
export const MAX_VALUE_READ = 1000;

/** A mutable item of the DHT without salt (BEP 44). */
export interface MutableItem {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** The larger one is the newer one. PKARR: Unix time in µs. A safe integer, not negative. */
  readonly seq: number;
  /** At most 1000 bytes. PKARR: an encoded DNS packet. */
  readonly value: Uint8Array;
  /** 64 bytes. */
  readonly signature: Uint8Array;
}

/** The signed text of BEP 44: the bencoded `seq` and `v`, without the dictionary around them. */
function signedText(seq: number, value: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`3:seqi${seq}e1:v${value.length}:`), value]);
}

/** Signs a value under the key of a 32-byte seed. Throws a RangeError for a `seq` or size that BEP 44 has no room for. */
export function signItem(seed: Uint8Array, publicKey: Uint8Array, seq: number, value: Uint8Array): MutableItem {
  if (!Number.isSafeInteger(seq) || seq < 0) throw new RangeError('seq must be a safe integer');
  if (value.length > MAX_VALUE_READ) throw new RangeError('the value is larger than 1000 bytes');
  return { publicKey, seq, value, signature: sign(seed, signedText(seq, value)) };
}

/** True if the item was signed by its own key and is within the bounds. Never throws. */
export function verifyItem(item: MutableItem): boolean {
  const { publicKey, seq, value, signature } = item;
  if (!Number.isSafeInteger(seq) || seq < 0 || value.length > MAX_VALUE_READ) return false;
  return verify(publicKey, signedText(seq, value), signature);
}

/** True if both are the same packet: the same `seq` and the same value. */
export function sameItem(a: MutableItem, b: MutableItem): boolean {
  return a.seq === b.seq && Buffer.compare(a.value, b.value) === 0;
}

/**
 * True if `a` counts and `b` does not: the higher `seq`, and of two different ones with the same `seq` the larger value, so that
 * all who meet both agree.
 */
export function supersedes(a: MutableItem, b: MutableItem): boolean {
  return a.seq > b.seq || (a.seq === b.seq && Buffer.compare(a.value, b.value) > 0);
}

/** Where the item of a key (32 bytes) lies on the DHT: the 20 bytes of the key's SHA-1. */
export function target(publicKey: Uint8Array): Uint8Array {
  return createHash('sha1').update(publicKey).digest();
}
