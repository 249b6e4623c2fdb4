import { readFileSync } from 'node:fs';
import z32 from 'z32';
import { publicKeyOf } from '../../src/crypto/ed25519.ts';
import type { MutableItem } from '../../src/dht/mutable-item.ts';

interface Vector {
  readonly name: string;
  readonly public_key: string;
  readonly record_json: string;
  readonly seq: number;
  readonly sig_hex: string;
  readonly v_hex: string;
}

/** A packet that Rust cclink published. */
export interface PacketVector {
  readonly name: string;
  /** z-base-32. */
  readonly key: string;
  readonly recordText: string;
  readonly item: MutableItem;
  /** The seed that signed it, if known. */
  readonly seed: Uint8Array | null;
}

const file = new URL('../vectors/packets.json', import.meta.url);
const { valid } = JSON.parse(readFileSync(file, 'utf8')) as { valid: Vector[] };
const seeds = [0, 1, 2, 3].map((byte) => new Uint8Array(32).fill(byte));

export const packetVectors: readonly PacketVector[] = valid.map((vector) => {
  const publicKey = Uint8Array.from(z32.decode(vector.public_key));
  return {
    name: vector.name,
    key: vector.public_key,
    recordText: vector.record_json,
    item: {
      publicKey,
      seq: vector.seq,
      value: Uint8Array.from(Buffer.from(vector.v_hex, 'hex')),
      signature: Uint8Array.from(Buffer.from(vector.sig_hex, 'hex')),
    },
    seed: seeds.find((seed) => Buffer.compare(publicKeyOf(seed), publicKey) === 0) ?? null,
  };
});
