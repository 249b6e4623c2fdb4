import { isLocalAddress } from './node-address.ts';

/** The polynomial of CRC32C (Castagnoli), its bits reversed. */
const CASTAGNOLI = 0x82f63b78;

/**
 * True if a node at a dotted IPv4 address may have an id (20 bytes) by BEP 42, "Node ID restriction"
 * (http://bittorrent.org/beps/bep_0042.html): the first 21 bits follow from the address and the last 3 bits,
 * which leaves 8 possible prefixes per address. Local addresses are exempt.
 *
 * The last byte is a random number of which only the last 3 bits count, as in BEP 42's code and test vectors.
 */
export function idFitsAddress(id: Uint8Array, host: string): boolean {
  if (isLocalAddress(host)) return true;
  const [a = 0, b = 0, c = 0, d = 0] = host.split('.').map(Number);
  const r = (id[19] ?? 0) & 7;
  const crc = crc32c([(a & 0x03) | (r << 5), b & 0x0f, c & 0x3f, d & 0xff]);
  const [high = 0, middle = 0, low = 0] = id;
  const start = (high << 16) | (middle << 8) | low;
  return start >> 3 === crc >>> 11;
}

/** Negative if the id `a` is closer to the target than `b`, by the XOR metric of BEP 5. All are 20 bytes. */
export function compareDistance(a: Uint8Array, b: Uint8Array, target: Uint8Array): number {
  const at = a.findIndex((byte, i) => byte !== b[i]);
  if (at < 0) return 0;
  const [left = 0, right = 0, goal = 0] = [a[at], b[at], target[at]];
  return (left ^ goal) - (right ^ goal);
}

/** Node's zlib has only CRC-32, which uses another polynomial. Four bytes need no table. */
function crc32c(bytes: readonly number[]): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? CASTAGNOLI : 0);
  }
  return ~crc;
}
