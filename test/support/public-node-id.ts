import { createHash } from 'node:crypto';

/** The polynomial of CRC32C as printed in RFC 3720, 12.1, with its highest bit. */
const POLYNOMIAL = 0x11edc6f41n;
const ONES = 0xffffffffn;

const bitsOf = (bytes: readonly number[]) => bytes.map((byte) => byte.toString(2).padStart(8, '0'));
const reversed = (bits: string) => [...bits].reverse().join('');

/**
 * CRC32C straight from its definition, the remainder of a polynomial division. Slow, and written without
 * looking at `src/`.
 */
export function crc32cByDivision(bytes: readonly number[]): number {
  const length = BigInt(bytes.length * 8);
  // Each byte goes in with its lowest bit first; the first 32 bits are inverted.
  const message = BigInt(`0b${bitsOf(bytes).map(reversed).join('')}`);
  let rest = (message << 32n) ^ (ONES << length);
  for (let at = length - 1n; at >= 0n; at -= 1n) {
    if ((rest >> (at + 32n)) & 1n) rest ^= POLYNOMIAL << at;
  }
  return Number(BigInt(`0b${reversed((rest ^ ONES).toString(2).padStart(32, '0'))}`));
}

/**
 * An id (20 bytes) that BEP 42 allows for a node at a dotted IPv4 address. What BEP 42 leaves to chance comes
 * from `seed`: the same seed gives the same id.
 */
export function idFor(host: string, seed: string): Buffer {
  const id = createHash('sha1').update(seed).digest();
  const random = id.readUInt8(19);
  const address = host.split('.').map(Number);
  const masked = [0x03, 0x0f, 0x3f, 0xff].map((mask, i) => (address[i] ?? 0) & mask);
  masked[0] = (masked[0] ?? 0) + (random % 8) * 32;
  const prefix = crc32cByDivision(masked).toString(2).padStart(32, '0').slice(0, 21);
  const chance = bitsOf([id.readUInt8(2)])
    .join('')
    .slice(5);
  id.writeUIntBE(Number.parseInt(prefix + chance, 2), 0, 3);
  return id;
}
