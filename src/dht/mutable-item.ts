import { createHash } from 'node:crypto';
import { sign, verify } from '../crypto/ed25519.ts';

/** The largest `v` that we read, in bytes: PKARR's limit. (BEP 44 allows 1000 bytes of bencoded `v`.) */
export const MAX_VALUE_READ = 1000;

/** A mutable item of the DHT without salt (BEP 44). */
export interface MutableItem {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Higher is newer. A safe integer, not negative. PKARR: Unix time in microseconds. */
  readonly seq: number;
  /** At most 1000 bytes. PKARR: an encoded DNS packet. */
  readonly value: Uint8Array;
  /** 64 bytes. */
  readonly signature: Uint8Array;
}

/** The text that BEP 44 signs: the bencoded `seq` and `v`, without the dictionary around them. */
function signedText(seq: number, value: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`3:seqi${seq}e1:v${value.length}:`), value]);
}

/** Signs a value with a 32-byte seed. Throws a RangeError for a `seq` or size that is out of bounds. */
export function signItem(seed: Uint8Array, publicKey: Uint8Array, seq: number, value: Uint8Array): MutableItem {
  if (!Number.isSafeInteger(seq) || seq < 0) throw new RangeError('seq must be a safe integer');
  if (value.length > MAX_VALUE_READ) throw new RangeError('the value is larger than 1000 bytes');
  return { publicKey, seq, value, signature: sign(seed, signedText(seq, value)) };
}

/** True if the item is signed by its own key and within bounds. Never throws. */
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
 * True if `a` wins over `b`: by the higher `seq`, or at the same `seq` by the larger value, so that everyone
 * who sees both agrees on one.
 */
export function supersedes(a: MutableItem, b: MutableItem): boolean {
  return a.seq > b.seq || (a.seq === b.seq && Buffer.compare(a.value, b.value) > 0);
}

/** The target of a key (32 bytes) on the DHT: its SHA-1, 20 bytes. */
export function target(publicKey: Uint8Array): Uint8Array {
  return createHash('sha1').update(publicKey).digest();
}
