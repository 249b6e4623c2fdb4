import { BlockList } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isHostAddress, isLocalAddress, subnetOf } from '../../src/dht/node-address.ts';

describe('isLocalAddress', () => {
  it.each([
    ['10.0.0.0', '10.255.255.255'],
    ['127.0.0.1', '127.255.255.255'],
    ['169.254.0.0', '169.254.255.255'],
    ['172.16.0.0', '172.31.255.255'],
    ['192.168.0.0', '192.168.255.255'],
  ])('is true from %s to %s', (first, last) => {
    expect([first, last].map(isLocalAddress)).toEqual([true, true]);
  });

  it.each([
    ['9.255.255.255', '11.0.0.0'],
    ['126.255.255.255', '128.0.0.0'],
    ['169.253.255.255', '169.255.0.0'],
    ['172.15.255.255', '172.32.0.0'],
    ['192.167.255.255', '192.169.0.0'],
    ['100.64.0.0', '100.127.255.255'],
    ['1.10.0.1', '101.127.0.1'],
  ])('is false for the public %s and %s', (one, other) => {
    expect([one, other].map(isLocalAddress)).toEqual([false, false]);
  });

  it('says of any address what the networks of BEP 42 say by their prefixes', () => {
    const networks = new BlockList();
    networks.addSubnet('10.0.0.0', 8);
    networks.addSubnet('172.16.0.0', 12);
    networks.addSubnet('192.168.0.0', 16);
    networks.addSubnet('169.254.0.0', 16);
    networks.addSubnet('127.0.0.0', 8);
    const first = fc.oneof(fc.constantFrom(10, 127, 169, 172, 192), fc.integer({ min: 1, max: 223 }));
    const second = fc.oneof(fc.constantFrom(168, 254), fc.nat(40), fc.nat(255));
    fc.assert(
      fc.property(first, second, fc.nat(255), fc.nat(255), (...octets) => {
        const host = octets.join('.');
        expect(isLocalAddress(host)).toBe(networks.check(host));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('subnetOf', () => {
  it('is the same within a /24, and another in the next one', () => {
    expect(subnetOf('192.0.2.7')).toBe('192.0.2');
    expect(subnetOf('11.22.33.255')).toBe(subnetOf('11.22.33.0'));
    expect(subnetOf('11.22.34.0')).not.toBe(subnetOf('11.22.33.0'));
    expect(subnetOf('1.12.33.4')).not.toBe(subnetOf('11.2.33.4'));
  });
});

it.each([
  ['0.0.0.0', '0.255.255.255', false],
  ['1.0.0.0', '223.255.255.255', true],
  ['224.0.0.0', '255.255.255.255', false],
])('isHostAddress of %s and %s is %s', (first, last, expected) => {
  expect([first, last].map(isHostAddress)).toEqual([expected, expected]);
});
