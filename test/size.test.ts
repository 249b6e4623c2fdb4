import { describe, expect, it } from 'vitest';
import { describeSize } from '../src/size.ts';

describe('a size', () => {
  it.each([
    [0, '0 bytes'],
    [812, '812 bytes'],
    [999, '999 bytes'],
    [1000, '1.0 kB'],
    [9_949, '9.9 kB'],
    [9_950, '10 kB'],
    [999_499, '999 kB'],
    [999_500, '1.0 MB'],
    [4_200_000, '4.2 MB'],
    [67_000_000, '67 MB'],
    [2 ** 31, '2.1 GB'],
    [5e15, '5000 TB'],
  ])('of %d is %s', (bytes, text) => {
    expect(describeSize(bytes)).toBe(text);
  });
});
