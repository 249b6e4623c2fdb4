import { createHash } from 'node:crypto';
import { publicKeyOf } from '../../src/crypto/ed25519.ts';
import { asBytes, type Encodable, encode } from '../../src/dht/bencode.ts';
import { type MutableItem, signItem } from '../../src/dht/mutable-item.ts';
import { carrying, compact, type SimulatedNode } from './simulated-node.ts';

type Answers = SimulatedNode['answer'];

/**
 * Makes a hostile node's answers, given an honest node's and a packet with a valid signature but an old
 * `seq`.
 */
export type HostileWay = (honest: Answers, old: MutableItem) => Answers;

/** Answers any query with a reply that has a token and these fields. */
export const saying =
  (fields: { [key: string]: Encodable }): Answers =>
  (_, { id }) => ({ r: { id, token: 'token', ...fields } });

/** Answers any query with these bytes. */
export const sending =
  (bytes: (transaction: Uint8Array, id: Uint8Array) => Uint8Array): Answers =>
  ({ transaction }, { id }) => ({ raw: bytes(transaction, id) });

const refusing =
  (code: number, message: string): HostileWay =>
  (honest) =>
  (query, node) =>
    query.name === 'put' ? { e: [code, message] } : honest(query, node);

const newer = ({ seq }: MutableItem) => seq + 1_000_000_000;

/** A valid packet of another key. */
function foreign(old: MutableItem): MutableItem {
  const seed = new Uint8Array(32).fill(0xee);
  return signItem(seed, publicKeyOf(seed), newer(old), Buffer.from('foreign'));
}

/** Nodes that do not exist, with ids that differ from a target (20 bytes) in the last 2 bytes only. */
function madeUp(target: Uint8Array, by: SimulatedNode): Uint8Array {
  const nodes = Array.from({ length: 8 }, (_, i) => {
    const [a, b, c, d] = createHash('sha1').update(by.id).update(`${i}`).digest();
    const id = Uint8Array.from([...target.subarray(0, 18), a ?? 0, b ?? 0]);
    return { id, host: `127.255.${c}.${d}`, port: 6881 };
  });
  return compact(nodes);
}

/** What malicious or broken nodes do, by description. */
export const HOSTILE: Readonly<Record<string, HostileWay>> = {
  'answers with a forged value': (_, old) =>
    saying(carrying({ ...old, seq: newer(old), value: Buffer.from('forged') })),
  'answers with another key’s value': (_, old) => saying(carrying(foreign(old))),
  'answers with another key’s value under this key': (_, old) =>
    saying(carrying({ ...foreign(old), publicKey: old.publicKey })),
  'answers with an old value, and keeps it': (honest, old) => (query, node) => {
    if (query.name === 'put') return { r: { id: node.id } };
    return query.name === 'get' ? saying(carrying(old))(query, node) : honest(query, node);
  },
  'answers with an empty value': (_, old) => saying(carrying({ ...old, seq: newer(old), value: new Uint8Array() })),
  'answers with 60,000 bytes': () =>
    sending((t, id) => encode({ t, y: 'r', r: { id, token: 'token', v: new Uint8Array(60_000) } })),
  'makes up closer nodes': () => (query, node) => {
    const target = asBytes(query.parameters.get('target'), 20) ?? new Uint8Array(20);
    return { r: { id: node.id, token: 'token', nodes: madeUp(target, node) } };
  },
  'names only itself and whoever asks': () => (query, node) => {
    const { from, parameters } = query;
    const id = asBytes(parameters.get('id'), 20) ?? node.id;
    return { r: { id: node.id, token: 'token', nodes: compact([node, { ...from, id }]) } };
  },
  'takes a put and forgets it': (honest) => (query, node) =>
    query.name === 'put' ? { r: { id: node.id } } : honest(query, node),
  'refuses every put with 203 (bad token)': refusing(203, 'bad token'),
  'refuses every put with 205 (too big)': refusing(205, 'message (v field) too big'),
  'refuses every put with 301 (CAS mismatch)': refusing(301, 'CAS mismatch'),
  'refuses every put with 302 (not newer)': refusing(302, 'sequence number less than current'),
  'refuses whatever is asked, at length': () => () => ({ e: [201, 'x'.repeat(1000)] }),
  'sends the datagram that fills the memory of others': () => sending(() => Buffer.from('l-3:')),
  'sends the datagram that ends others by a type error': () =>
    sending((t) => encode({ t, y: { toString: 1 }, e: [{ toString: 1 }, { toString: 1 }] })),
  'sends nothing but noise': () => sending(() => Buffer.alloc(1200, 0xff)),
};
