import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { asBytes, asDictionary, asText, type Bencoded, decode, type Encodable, encode } from '../../src/dht/bencode.ts';

const bytes = (text: string) => Buffer.from(text, 'latin1');

/** What decoding an encoded value must give. */
function expected(value: Encodable): Bencoded {
  if (typeof value === 'number') return value === 0 ? 0 : value;
  if (typeof value === 'string') return new Uint8Array(bytes(value));
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (Array.isArray(value)) return value.map(expected);
  const entries = Object.entries(value as { [key: string]: Encodable });
  return new Map(entries.map(([key, item]) => [key, expected(item)]));
}

/** Buffers as plain arrays of bytes, to compare. */
function plain(value: Bencoded | null): unknown {
  if (value === null || typeof value === 'number') return value;
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [key, plain(item)]));
  return (value as Bencoded[]).map(plain);
}

const { tree } = fc.letrec<{ tree: Encodable }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4 },
    fc.maxSafeInteger(),
    fc.uint8Array({ maxLength: 40 }),
    fc.array(tie('tree'), { maxLength: 4 }),
    fc.dictionary(fc.string({ maxLength: 5, unit: 'binary-ascii' }), tie('tree'), { maxKeys: 4 }),
  ),
}));

describe('encode', () => {
  test('sorts keys and leaves undefined ones out', () => {
    expect(Buffer.from(encode({ b: 1, a: ['x', bytes('yz')], c: undefined })).toString('latin1')).toBe(
      'd1:al1:x2:yze1:bi1ee',
    );
  });

  test('refuses numbers that bencode can not hold exactly', () => {
    expect(() => encode(1.5)).toThrow(RangeError);
    expect(() => encode(2 ** 53)).toThrow(RangeError);
  });
});

describe('decode', () => {
  test('gives back whatever was encoded', () => {
    fc.assert(
      fc.property(tree, (value) => {
        expect(plain(decode(encode(value)))).toEqual(expected(value));
      }),
    );
  });

  test('never throws, whatever it is given', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (input) => {
        decode(input);
      }),
    );
    const letters = fc.constantFrom(...'dlie0123456789:-a');
    fc.assert(
      fc.property(fc.string({ unit: letters, maxLength: 60 }), (input) => {
        const value = decode(bytes(input));
        if (value !== null) expect(plain(value)).toEqual(plain(decode(bytes(input))));
      }),
      { numRuns: 2000 },
    );
  });

  test('refuses an encoding that was cut off or continued anywhere', () => {
    const whole = encode({ a: { id: 'abc', list: [1, -2, ['x']] }, t: 'aa', y: 'q' });
    for (let length = 0; length < whole.length; length += 1) expect(decode(whole.subarray(0, length))).toBeNull();
    expect(decode(Buffer.concat([whole, bytes('e')]))).toBeNull();
  });

  test.each([
    ['a negative string length, which loops elsewhere', 'l-3:'],
    ['a negative length of zero', '-0:'],
    ['a length with a leading zero', '03:abc'],
    ['a length without digits', ':abc'],
    ['a length beyond the end', '99999999999999999999:a'],
    ['minus zero', 'i-0e'],
    ['a leading zero', 'i01e'],
    ['a plus', 'i+1e'],
    ['a float', 'i1.5e'],
    ['an exponent', 'i1e3e'],
    ['no digits', 'ie'],
    ['only a minus', 'i-e'],
    ['white space', 'i 1e'],
    ['an integer above 2^53 - 1', 'i9007199254740992e'],
    ['an integer below -(2^53 - 1)', 'i-9007199254740992e'],
    ['a key twice', 'd1:ai1e1:ai2ee'],
    ['a key that is no string', 'di1ei2ee'],
    ['a key without a value', 'd1:ae'],
    ['an end alone', 'e'],
    ['nothing', ''],
    ['two values', 'i1ei2e'],
  ])('refuses %s', (_, input) => {
    expect(decode(bytes(input))).toBeNull();
  });

  test('reads the largest and smallest safe integers', () => {
    expect(decode(bytes('i9007199254740991e'))).toBe(Number.MAX_SAFE_INTEGER);
    expect(decode(bytes('i-9007199254740991e'))).toBe(Number.MIN_SAFE_INTEGER);
    expect(decode(bytes('i0e'))).toBe(0);
  });

  test('takes keys in any order, and keys that are special in JavaScript as they are', () => {
    const value = asDictionary(decode(bytes('d1:bi1e1:ai2e9:__proto__i3e8:toStringi4ee')));
    expect([...(value ?? [])]).toEqual([
      ['b', 1],
      ['a', 2],
      ['__proto__', 3],
      ['toString', 4],
    ]);
  });

  test('refuses what is too large, too deep or of too many parts', () => {
    expect(decode(bytes(`${'l'.repeat(8)}${'e'.repeat(8)}`))).not.toBeNull();
    expect(decode(bytes(`${'l'.repeat(5000)}${'e'.repeat(2500)}`))).toBeNull();
    expect(decode(bytes(`${'l'.repeat(20)}${'e'.repeat(20)}`))).toBeNull();
    expect(decode(bytes(`l${'le'.repeat(2000)}e`))).toBeNull();
    expect(decode(Buffer.concat([bytes('8187:'), Buffer.alloc(8187)]))).not.toBeNull();
    expect(decode(Buffer.concat([bytes('8188:'), Buffer.alloc(8188)]))).toBeNull();
  });
});

test('a value is read as the type that is asked for, or not at all', () => {
  expect(asBytes(bytes('abc'), 3)).not.toBeNull();
  expect(asBytes(bytes('abc'), 4)).toBeNull();
  expect(asBytes(3)).toBeNull();
  expect(asText(bytes('é'))).toBe('é');
  expect(asText(undefined)).toBeNull();
  expect(asDictionary([1])).toBeNull();
});
