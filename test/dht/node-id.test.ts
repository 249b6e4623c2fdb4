import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { idFitsAddress } from '../../src/dht/node-id.ts';
import { crc32cByDivision, idFor } from '../support/public-node-id.ts';

/** As printed in BEP 42. */
const VECTORS = [
  ['124.31.75.21', 1, '5fbfbff10c5d6a4ec8a88e4c6ab4c28b95eee401'],
  ['21.75.31.124', 86, '5a3ce9c14e7a08645677bbd1cfe7d8f956d53256'],
  ['65.23.51.170', 22, 'a5d43220bc8f112a3d426c84764f8c2a1150e616'],
  ['84.124.73.14', 65, '1b0321dd1bb1fe518101ceef99462b947a01ff41'],
  ['43.213.53.83', 90, 'e56f6cbf5b7c4be0237986d5243b87aa6d51305a'],
] as const;

/** Addresses of which none is local. */
const publicHost = fc
  .tuple(fc.constantFrom(1, 9, 11, 45, 81, 100, 124, 128, 193, 223), fc.nat(255), fc.nat(255), fc.nat(255))
  .map((octets) => octets.join('.'));

function withBitChanged(id: Uint8Array, bit: number): Uint8Array {
  return id.map((byte, i) => (i === bit >> 3 ? byte ^ (0x80 >> (bit & 7)) : byte));
}

describe('idFitsAddress', () => {
  it.each(VECTORS)('holds for %s, r = %i, id %s of BEP 42', (host, random, hex) => {
    const id = Buffer.from(hex, 'hex');
    expect(id[19]).toBe(random);
    expect(idFitsAddress(id, host)).toBe(true);
    for (const [other] of VECTORS) expect(idFitsAddress(id, other)).toBe(other === host);
  });

  it('holds for ids that were made for the address, whatever is in the bits that BEP 42 leaves to chance', () => {
    fc.assert(
      fc.property(publicHost, fc.string(), fc.integer({ min: 21, max: 156 }), (host, seed, bit) => {
        const id = idFor(host, seed);
        expect(idFitsAddress(id, host)).toBe(true);
        expect(idFitsAddress(withBitChanged(id, bit), host)).toBe(true);
      }),
    );
  });

  it('does not hold where any of the first 21 bits or of the last 3 is another', () => {
    const restricted = [...Array.from({ length: 21 }, (_, bit) => bit), 157, 158, 159];
    fc.assert(
      fc.property(publicHost, fc.string(), (host, seed) => {
        const id = idFor(host, seed);
        const fitting = restricted.filter((bit) => idFitsAddress(withBitChanged(id, bit), host));
        expect(fitting).toEqual([]);
      }),
    );
  });

  it('holds for any id at a local address', () => {
    const id = new Uint8Array(20);
    expect(['127.0.0.1', '10.1.2.3', '192.168.1.1'].map((host) => idFitsAddress(id, host))).toEqual([true, true, true]);
    expect(idFitsAddress(id, '11.1.2.3')).toBe(false);
  });
});

describe('the maker of ids in the tests', () => {
  it('computes the check value of CRC32C', () => {
    expect(crc32cByDivision([...Buffer.from('123456789')])).toBe(0xe3069283);
  });

  it('makes the same id of the same seed, and another of another', () => {
    expect(idFor('11.0.0.1', 'a')).toEqual(idFor('11.0.0.1', 'a'));
    expect(idFor('11.0.0.1', 'a')).not.toEqual(idFor('11.0.0.1', 'b'));
  });
});
