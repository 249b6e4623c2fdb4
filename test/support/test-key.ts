import { publicKeyOf } from '../../src/crypto/ed25519.ts';
import { type MutableItem, signItem, target } from '../../src/dht/mutable-item.ts';

/** A key pair (32 bytes each), its target (20 bytes), and a way to sign packets. */
export interface TestKey {
  readonly seed: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly target: Uint8Array;
  item(seq: number, value?: string): MutableItem;
}

/** The same key for the same number, up to 255. */
export function testKey(number: number): TestKey {
  const seed = new Uint8Array(32).fill(number);
  const publicKey = publicKeyOf(seed);
  const item = (seq: number, value = `value ${seq}`) => signItem(seed, publicKey, seq, Buffer.from(value));
  return { seed, publicKey, target: target(publicKey), item };
}
