import { createHash, randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { asBytes, asDictionary, asText, type Bencoded, decode, type Encodable, encode } from '../../src/dht/bencode.ts';
import type { NodeAddress } from '../../src/dht/krpc.ts';
import type { MutableItem } from '../../src/dht/mutable-item.ts';

/** A query as it arrived at a simulated node. */
interface ArrivedQuery {
  readonly name: string;
  readonly transaction: Uint8Array;
  readonly parameters: ReadonlyMap<string, Bencoded>;
  readonly readOnly: boolean;
}

/** What a node sends for a query: the body of a reply, an error, bytes that are sent as they are, or nothing. */
type Answer = { r: { [key: string]: Encodable } } | { e: [number, string] } | { raw: Uint8Array } | null;

/** A DHT node whose every answer a test decides. */
export interface SimulatedNode extends NodeAddress {
  readonly queries: ArrivedQuery[];
  /** What it holds. */
  held: MutableItem | null;
  answer: (query: ArrivedQuery, node: SimulatedNode) => Answer;
  close(): void;
}

/** Starts one node on loopback. `delay` holds each answer back, in milliseconds. `from` is another socket to answer from. */
export async function startNode(
  answer: SimulatedNode['answer'],
  options: { id?: Uint8Array; delay?: number; from?: Socket } = {},
): Promise<SimulatedNode> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const node: SimulatedNode = {
    id: options.id ?? randomBytes(20),
    host: '127.0.0.1',
    port: socket.address().port,
    queries: [],
    held: null,
    answer,
    close: () => socket.close(),
  };
  socket.on('error', () => {});
  socket.on('message', (datagram, from) => {
    const message = asDictionary(decode(datagram));
    const query: ArrivedQuery = {
      name: asText(message?.get('q')) ?? '',
      transaction: asBytes(message?.get('t')) ?? new Uint8Array(),
      parameters: asDictionary(message?.get('a')) ?? new Map(),
      readOnly: message?.get('ro') === 1,
    };
    node.queries.push(query);
    const bytes = datagramOf(node.answer(query, node), query.transaction);
    if (bytes === null) return;
    setTimeout(() => {
      try {
        (options.from ?? socket).send(bytes, from.port, from.address, () => {});
      } catch {
        // The test is over.
      }
    }, options.delay ?? 0);
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

/** The nodes sorted by their distance from a target of 20 bytes. */
export function byDistance<T extends NodeAddress>(nodes: readonly T[], target: Uint8Array): T[] {
  return nodes.toSorted((a, b) => Buffer.compare(xor(a.id, target), xor(b.id, target)));
}

export interface SimulatedNetwork {
  readonly live: SimulatedNode[];
  readonly bootstrap: NodeAddress[];
  close(): void;
}

/** What an honest node answers that knows all of `others` and names the 8 closest, or none beside a value (bittorrent-dht). */
export function honest(others: () => readonly NodeAddress[]): SimulatedNode['answer'] {
  return ({ name, parameters }, node) => {
    const { id } = node;
    const token = Buffer.from('token');
    if (name === 'put') {
      const [k, sig, v] = ['k', 'sig', 'v'].map((key) => asBytes(parameters.get(key)) ?? new Uint8Array());
      const seq = parameters.get('seq') as number;
      const cas = parameters.get('cas');
      if (node.held !== null && cas !== undefined && cas !== node.held.seq) return { e: [301, 'CAS mismatch'] };
      if (node.held !== null && node.held.seq > seq) return { e: [302, 'older'] };
      node.held = { publicKey: k as Uint8Array, signature: sig as Uint8Array, value: v as Uint8Array, seq };
      return { r: { id } };
    }
    const target = asBytes(parameters.get('target')) ?? new Uint8Array(20);
    if (name === 'get' && node.held !== null) return { r: { id, token, ...carrying(node.held) } };
    return { r: { id, token, nodes: compact(byDistance(others(), target).slice(0, 8)) } };
  };
}

/**
 * Starts a network of honest nodes; `dead` more are in the tables and silent. The first 3 live ones are the bootstrap nodes.
 *
 * `known` is the part of all nodes that each knows, from 0 to 1. The ids are the same each time.
 */
export async function startSimulatedNetwork(options: {
  live: number;
  dead?: number;
  known?: number;
  delay?: number;
}): Promise<SimulatedNetwork> {
  const { live: liveCount, dead: deadCount = 0, known = 1, ...rest } = options;
  const hash = (text: string) => createHash('sha1').update(text).digest();
  const all: SimulatedNode[] = [];
  for (let i = 0; i < liveCount + deadCount; i += 1) {
    const table = () => all.filter((_, j) => (hash(`${i} knows ${j}`)[0] ?? 0) < known * 256);
    const answer: SimulatedNode['answer'] = i < liveCount ? honest(table) : () => null;
    all.push(await startNode(answer, { id: hash(`node ${i}`), ...rest }));
  }
  return {
    live: all.slice(0, liveCount),
    bootstrap: all.slice(0, 3),
    close: () => {
      for (const node of all) node.close();
    },
  };
}
