import { readFileSync } from 'node:fs';

/** A file of `test/vectors/`, made with the Rust implementation. */
export function readVectors<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../vectors/${name}`, import.meta.url), 'utf8')) as T;
}

export interface PacketVector {
  readonly name: string;
  readonly public_key: string;
  readonly record_json: string;
  readonly signed_text: string;
  readonly seq: number;
  readonly sig_hex: string;
  readonly v_hex: string;
  readonly v_length: number;
  /** What opens it; only in valid vectors. */
  readonly open?: { readonly seed_hex?: string; readonly pin?: string };
  readonly plaintext?: string;
  /** Why it must be refused; only in invalid vectors. */
  readonly error?: string;
}

export const packetVectors = (): { valid: PacketVector[]; invalid: PacketVector[] } => readVectors('packets.json');

export interface KeyVector {
  readonly seed_hex: string;
  readonly public_key: string;
  readonly public_key_hex: string;
}

export const keyVectors = (): KeyVector[] => readVectors('keys.json');

export const fromHex = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
