import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Encodable, encode } from '../../../src/dht/bencode.ts';
import { harmlessDatagram } from '../../../src/dht/private/node-guard.ts';

const id = Buffer.alloc(20, 1);
const get = { t: 'aa', y: 'q', q: 'get', a: { id, target: id } };

const passed = (message: Encodable) => harmlessDatagram(encode(message));

describe('harmlessDatagram', () => {
  test.each<[string, Encodable]>([
    ['ping', { t: 'aa', y: 'q', q: 'ping', a: { id } }],
    ['get', get],
    [
      'put',
      {
        t: 'aa',
        y: 'q',
        q: 'put',
        a: { id, k: Buffer.alloc(32), seq: 1, sig: Buffer.alloc(64), token: 'x', v: 'y', cas: 1 },
      },
    ],
    ['reply', { t: 'aa', y: 'r', r: { id, nodes: Buffer.alloc(26), token: 'x' } }],
    ['error', { t: 'aa', y: 'e', e: [201, 'text'] }],
  ])('lets a proper %s pass as it is', (_, message) => {
    expect(passed(message)).toEqual(Buffer.from(encode(message)));
  });

  test('takes everything out that a node does not need', () => {
    const more = { ...get, v: 'UT', ip: 'abcdef', ['__proto__']: 1, a: { ...get.a, want: ['n4'], toString: 1 } };
    expect(passed(more)).toEqual(Buffer.from(encode(get)));
  });

  test('takes the id from one that asks not to be tabled', () => {
    expect(passed({ ...get, ro: 1 })).toEqual(Buffer.from(encode({ ...get, a: { ...get.a, id: '' } })));
    expect(passed({ ...get, ro: 0 })).toEqual(Buffer.from(encode(get)));
  });

  test.each<[string, Encodable]>([
    ['an unknown query', { ...get, q: 'constructor' }],
    ['an immutable put', { ...get, q: 'put', a: { id, token: 'x', v: 'y' } }],
    [
      'a put of a list',
      { ...get, q: 'put', a: { id, k: Buffer.alloc(32), seq: 1, sig: Buffer.alloc(64), token: 'x', v: ['y'] } },
    ],
    ['an error without text', { t: 'aa', y: 'e', e: [201] }],
    ['an empty transaction id', { ...get, t: '' }],
  ])('stops %s', (_, message) => {
    expect(passed(message)).toBeNull();
  });

  test('never throws, whatever arrives', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (datagram) => {
        harmlessDatagram(datagram);
      }),
    );
  });
});
