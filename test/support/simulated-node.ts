import { createHash, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { asBytes, asDictionary, asText, type Bencoded, decode, type Encodable, encode } from '../../src/dht/bencode.ts';
import type { Address, NodeAddress } from '../../src/dht/krpc.ts';
import { MAX_VALUE_READ, type MutableItem, verifyItem } from '../../src/dht/mutable-item.ts';

/** A query as it arrived at a simulated node. */
interface ArrivedQuery {
  readonly name: string;
  readonly transaction: Uint8Array;
  readonly parameters: ReadonlyMap<string, Bencoded>;
  readonly readOnly: boolean;
  readonly from: Address;
}

/** What a node sends for a query: the body of a reply, an error, raw bytes, or nothing. */
type Answer = { r: { [key: string]: Encodable } } | { e: [number, string] } | { raw: Uint8Array } | null;

/** A DHT node on a real socket, with answers that the test decides. */
export interface SimulatedNode extends NodeAddress {
  readonly queries: ArrivedQuery[];
  held: MutableItem | null;
  answer: (query: ArrivedQuery, node: SimulatedNode) => Answer;
  /** Sends a datagram that nobody asked for. */
  send(datagram: Uint8Array, to: Address): void;
  close(): void;
}

/** Starts a node on loopback. `delayMs` delays its answers; null loses the query. */
export async function startNode(
  answer: SimulatedNode['answer'],
  options: { id?: Uint8Array; host?: string; delayMs?: number | (() => number | null) } = {},
): Promise<SimulatedNode> {
  const { id = randomBytes(20), host = '127.0.0.1', delayMs = 0 } = options;
  const socket = createSocket('udp4');
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(0, host, resolve);
  });
  const { port } = socket.address();
  const send = (datagram: Uint8Array, { host, port }: Address) => {
    try {
      socket.send(datagram, port, host, () => {});
    } catch {
      // It is closed: the test is over.
    }
  };
  const node: SimulatedNode = { id, host, port, queries: [], held: null, answer, send, close: () => socket.close() };
  socket.on('error', () => {});
  socket.on('message', (datagram, { address, port }) => {
    const held = typeof delayMs === 'number' ? delayMs : delayMs();
    if (held === null) return;
    const message = asDictionary(decode(datagram));
    if (asText(message?.get('y')) !== 'q') return;
    const query: ArrivedQuery = {
      name: asText(message?.get('q')) ?? '',
      transaction: asBytes(message?.get('t')) ?? new Uint8Array(),
      parameters: asDictionary(message?.get('a')) ?? new Map(),
      readOnly: message?.get('ro') === 1,
      from: { host: address, port },
    };
    node.queries.push(query);
    const bytes = datagramOf(node.answer(query, node), query.transaction);
    if (bytes === null) return;
    setTimeout(() => send(bytes, query.from), held);
  });
  return node;
}

function datagramOf(answer: Answer, transaction: Uint8Array): Uint8Array | null {
  if (answer === null) return null;
  if ('raw' in answer) return answer.raw;
  return encode('r' in answer ? { t: transaction, y: 'r', ...answer } : { t: transaction, y: 'e', ...answer });
}

/** Compact node info (BEP 5). */
export function compact(nodes: readonly NodeAddress[]): Uint8Array {
  return Buffer.concat(
    nodes.map(({ id, host, port }) =>
      Buffer.concat([id, Buffer.from(host.split('.').map(Number)), Buffer.from([port >> 8, port & 255])]),
    ),
  );
}

/** The fields of a `get` reply that carry an item. */
export function carrying(item: MutableItem): { [key: string]: Encodable } {
  return { k: item.publicKey, seq: item.seq, sig: item.signature, v: item.value };
}

const xor = (a: Uint8Array, b: Uint8Array) => a.map((byte, i) => byte ^ (b[i] ?? 0));

/** The nodes sorted by their distance from a target (20 bytes). */
export function byDistance<T extends NodeAddress>(nodes: readonly T[], target: Uint8Array): T[] {
  const known = nodes.map((node) => ({ node, distance: xor(node.id, target) }));
  return known.sort((a, b) => Buffer.compare(a.distance, b.distance)).map(({ node }) => node);
}

/** As many as nodes of the Mainline DHT name. */
const NODES_PER_REPLY = 8;

/**
 * The answers (BEP 5 and 44) of an honest node that knows `others`: a reply names the 8 closest, or none if
 * it carries a value, as with bittorrent-dht.
 */
export function honest(others: () => readonly NodeAddress[]): SimulatedNode['answer'] {
  return (query, node) => {
    const { name, parameters } = query;
    const { id } = node;
    if (name === 'ping') return { r: { id } };
    if (name === 'put') return take(query, node);
    const token = tokenFor(query, node);
    const target = asBytes(parameters.get('target')) ?? new Uint8Array(20);
    if (name === 'get' && node.held !== null) return { r: { id, token, ...carrying(node.held) } };
    return { r: { id, token, nodes: compact(byDistance(others(), target).slice(0, NODES_PER_REPLY)) } };
  };
}

/** An honest node's answer to a `put` (BEP 44). It keeps the item if the rules say so. */
function take(query: ArrivedQuery, node: SimulatedNode): Answer {
  const { parameters } = query;
  const [k, sig, v, token] = ['k', 'sig', 'v', 'token'].map((key) => asBytes(parameters.get(key)) ?? new Uint8Array());
  const item = { publicKey: k, seq: parameters.get('seq'), signature: sig, value: v } as MutableItem;
  const cas = parameters.get('cas');
  if (Buffer.compare(token as Uint8Array, tokenFor(query, node)) !== 0) return { e: [203, 'bad token'] };
  if (item.value.length > MAX_VALUE_READ) return { e: [205, 'message (v field) too big'] };
  if (!verifyItem(item)) return { e: [206, 'invalid signature'] };
  if (node.held !== null && cas !== undefined && cas !== node.held.seq) return { e: [301, 'CAS mismatch'] };
  if (node.held !== null && node.held.seq > item.seq) return { e: [302, 'sequence number less than current'] };
  node.held = item;
  return { r: { id: node.id } };
}

/** The token that a node gives to one address. */
const tokenFor = ({ from }: ArrivedQuery, { id }: SimulatedNode) =>
  createHash('sha1').update(id).update(from.host).digest().subarray(0, 4);
