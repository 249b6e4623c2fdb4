import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { asDictionary, decode, type Encodable, encode } from '../../src/dht/bencode.ts';
import { findNodeQuery, getQuery, parseAnswer, putQuery } from '../../src/dht/krpc.ts';
import { target } from '../../src/dht/mutable-item.ts';
import { compact } from '../support/simulated-node.ts';

const id = new Uint8Array(20).fill(1);
const transaction = new Uint8Array(4).fill(2);
const node = { id: new Uint8Array(20).fill(3), host: '10.1.2.3', port: 6881 };
const item = {
  publicKey: new Uint8Array(32).fill(4),
  seq: 5,
  signature: new Uint8Array(64).fill(6),
  value: Buffer.from('value'),
};
const fields = { k: item.publicKey, seq: item.seq, sig: item.signature, v: item.value };

const reply = (r: Encodable, more: { [key: string]: Encodable } = {}) =>
  parseAnswer(encode({ t: transaction, y: 'r', r, ...more }));
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');

describe('queries', () => {
  test('say at the top level that the client is no node (BEP 43)', () => {
    for (const query of [getQuery(id, id), findNodeQuery(id, id), putQuery(id, item, Buffer.from('t'), null)]) {
      expect(asDictionary(decode(query(transaction)))?.get('ro')).toBe(1);
    }
  });

  test('get is bencoded as BEP 44 has it, with the target as info_hash too, which nodes of anacrolix/dht go by', () => {
    const a = `1:ad2:id20:${text(id)}9:info_hash20:${text(node.id)}6:target20:${text(node.id)}e`;
    expect(text(getQuery(id, node.id)(transaction))).toBe(`d${a}1:q3:get2:roi1e1:t4:${text(transaction)}1:y1:qe`);
  });

  test('put carries the target, which BEP 44 does not name and Rust nodes demand, and cas only where one is given', () => {
    const parameters = (cas: number | null) =>
      asDictionary(asDictionary(decode(putQuery(id, item, Buffer.from('t'), cas)(transaction)))?.get('a'));
    expect([...(parameters(4)?.keys() ?? [])]).toEqual(['cas', 'id', 'k', 'seq', 'sig', 'target', 'token', 'v']);
    expect(parameters(4)?.get('cas')).toBe(4);
    expect(Buffer.from(parameters(null)?.get('target') as Uint8Array)).toEqual(target(item.publicKey));
    expect(parameters(null)?.has('cas')).toBe(false);
  });
});

describe('parseAnswer', () => {
  test('reads a reply with nodes, token and item', () => {
    expect(reply({ id, token: 'tok', nodes: compact([node]), ...fields }, { v: 'UT', ip: 'abcdef' })).toMatchObject({
      kind: 'reply',
      nodes: [{ host: '10.1.2.3', port: 6881 }],
      item: { seq: 5 },
    });
  });

  test('reads a reply that holds nothing but an id', () => {
    expect(reply({ id })).toMatchObject({ kind: 'reply', nodes: [], token: null, item: null });
  });

  test('reads an error, and cuts its text', () => {
    const answer = parseAnswer(encode({ t: transaction, y: 'e', e: [301, 'x'.repeat(500)] }));
    expect(answer).toMatchObject({ kind: 'error', code: 301, message: 'x'.repeat(200) });
  });

  test('drops nodes that can not be nodes, and more than 32', () => {
    const odd = [
      { ...node, port: 0 },
      { ...node, host: '0.1.2.3' },
      { ...node, host: '255.255.255.255' },
      { ...node, host: '239.1.2.3' },
    ];
    expect(reply({ id, nodes: compact([...odd, node]) })).toMatchObject({ nodes: [{ host: node.host }] });
    const many = reply({ id, nodes: compact(Array.from({ length: 100 }, () => node)) });
    expect(many?.kind === 'reply' && many.nodes).toHaveLength(32);
  });

  test.each<[string, Encodable]>([
    ['a body that is no dictionary', 1],
    ['no id', {}],
    ['an integer id', { id: 1 }],
    ['a short id', { id: id.subarray(1) }],
    ['an integer token', { id, token: 1 }],
    ['a huge token', { id, token: new Uint8Array(65) }],
    ['nodes that are no string', { id, nodes: [1] }],
    ['nodes that are cut off', { id, nodes: compact([node]).subarray(1) }],
    ['a value without a key', { id, v: 'value' }],
    ['a value that is a list', { id, ...fields, v: ['value'] }],
    ['a seq that is a string', { id, ...fields, seq: '5' }],
    ['a key of the wrong length', { id, ...fields, k: 'short' }],
    ['a signature of the wrong length', { id, ...fields, sig: 'short' }],
  ])('refuses a reply with %s', (_, body) => {
    expect(reply(body)).toBeNull();
  });

  test.each<[string, { [key: string]: Encodable }]>([
    ['a query', { t: transaction, y: 'q', q: 'ping', a: { id } }],
    ['another kind of message', { t: transaction, y: 'x', r: { id } }],
    ['a kind that is a dictionary', { t: transaction, y: { toString: 1 }, r: { id } }],
    ['a transaction id of another length', { t: 'aa', y: 'r', r: { id } }],
    ['no transaction id', { y: 'r', r: { id } }],
    ['an error that is no list', { t: transaction, y: 'e', e: 301 }],
    ['an error without a code', { t: transaction, y: 'e', e: ['x', 'y'] }],
    ['an error with a dictionary in it', { t: transaction, y: 'e', e: [301, { toString: 1 }] }],
  ])('refuses %s', (_, message) => {
    expect(parseAnswer(encode(message))).toBeNull();
  });

  test('never throws, whatever arrives', () => {
    const value = fc.oneof(
      fc.integer(),
      fc.uint8Array({ maxLength: 70 }),
      fc.constant([1]),
      fc.constant({ toString: 1 }),
    );
    const keys = fc.constantFrom('id', 'nodes', 'token', 'k', 'sig', 'seq', 'v', '__proto__');
    fc.assert(
      fc.property(fc.array(fc.tuple(keys, value)), (entries) => {
        reply({ id, ...Object.fromEntries(entries) });
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (datagram) => {
        parseAnswer(datagram);
      }),
    );
  });
});
