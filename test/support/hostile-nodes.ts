import { randomBytes } from 'node:crypto';
import { asBytes, type Encodable, encode } from '../../src/dht/bencode.ts';
import type { MutableItem } from '../../src/dht/mutable-item.ts';
import { carrying, compact, type SimulatedNode } from './simulated-node.ts';

type Answers = SimulatedNode['answer'];

/** A reply with a token and these fields, whatever was asked. */
const saying =
  (fields: { [key: string]: Encodable }): Answers =>
  (_, { id }) => ({ r: { id, token: 'token', ...fields } });

/** These bytes, whatever was asked. */
const sending =
  (bytes: (transaction: Uint8Array) => Uint8Array): Answers =>
  ({ transaction }) => ({ raw: bytes(transaction) });

const refusing =
  (code: number, message: string) =>
  (honest: Answers): Answers =>
  (query, node) =>
    query.name === 'put' ? { e: [code, message] } : honest(query, node);

/** Ids that are closer to the target of a query (20 bytes) than any honest one, of nodes that do not exist. */
function madeUp(target: Uint8Array, count: number): Uint8Array {
  const nodes = Array.from({ length: count }, () => {
    const id = Uint8Array.from(target);
    id.set(randomBytes(2), 18);
    return { id, host: `127.255.${randomBytes(1)[0]}.${randomBytes(1)[0]}`, port: 6881 };
  });
  return compact(nodes);
}

/**
 * What nodes of ill will or in bad order do, by what they do: each makes such a node of an honest one.
 *
 * `old` is a packet of the key that was asked for with a valid signature and an older `seq` than the newest.
 */
export const HOSTILE: Readonly<Record<string, (honest: Answers, old: MutableItem) => Answers>> = {
  'answers with a forged value': (_, old) =>
    saying(carrying({ ...old, seq: old.seq + 1_000_000_000, value: Buffer.from('forged') })),
  'answers with an old value, and keeps it': (honest, old) => (query, node) =>
    query.name === 'get' ? saying(carrying(old))(query, node) : query.name === 'put' ? null : honest(query, node),
  'answers with a value of 1001 bytes': (_, old) =>
    saying(carrying({ ...old, seq: old.seq + 1_000_000_000, value: new Uint8Array(1001) })),
  'answers with 60,000 bytes': () =>
    sending((t) => encode({ t, y: 'r', r: { id: randomBytes(20), token: 't', v: new Uint8Array(60_000) } })),
  'answers with an empty value': (_, old) =>
    saying(carrying({ ...old, seq: old.seq + 1_000_000_000, value: new Uint8Array() })),
  'makes up closer nodes': () => (query, node) => {
    const target = asBytes(query.parameters.get('target'), 20) ?? new Uint8Array(20);
    return { r: { id: node.id, token: 'token', nodes: madeUp(target, 8) } };
  },
  'takes a put and forgets it': (honest) => (query, node) =>
    query.name === 'put' ? { r: { id: node.id } } : honest(query, node),
  'refuses every put with 203 (bad token)': refusing(203, 'bad token'),
  'refuses every put with 205 (too big)': refusing(205, 'message (v field) too big'),
  'refuses every put with 301 (CAS mismatch)': refusing(301, 'CAS mismatch'),
  'refuses every put with 302 (not newer)': refusing(302, 'sequence number less than current'),
  'sends the datagram that fills the memory of others': () => sending(() => Buffer.from('l-3:')),
  'sends the datagram that ends others by a type error': () => sending(() => Buffer.from('d1:yd8:toStringi1eee')),
};
