import { asBytes, asDictionary, asText, type Bencoded, decode, encode } from './bencode.ts';
import { type MutableItem, target } from './mutable-item.ts';
import { isHostAddress } from './node-address.ts';

/** Where a node listens. */
export interface Address {
  /** A dotted IPv4 address. */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
}

/** `host:port`, as a key for maps. */
export const keyOf = ({ host, port }: Address): string => `${host}:${port}`;

/** A node as other nodes name it. */
export interface NodeAddress extends Address {
  /** 20 bytes. */
  readonly id: Uint8Array;
}

/** The answer to a `get`, `find_node` or `put`. */
export interface Reply {
  readonly kind: 'reply';
  /** The transaction id of the query: 4 bytes. */
  readonly transaction: Uint8Array;
  /** The id of the node that answers: 20 bytes. */
  readonly id: Uint8Array;
  readonly nodes: readonly NodeAddress[];
  /** What a `put` to this node must include; null if it sent none. */
  readonly token: Uint8Array | null;
  /** What the node claims to hold, not verified. */
  readonly item: MutableItem | null;
}

/** A node's refusal. */
export interface ErrorReply {
  readonly kind: 'error';
  readonly transaction: Uint8Array;
  readonly code: number;
  /** Untrusted text, at most 200 characters. */
  readonly message: string;
}

/** Builds a query once its transaction id (4 bytes) is known. */
export type Query = (transaction: Uint8Array) => Uint8Array;

/** How many nodes of a reply are read: more than it needs to name, and the closest come first. */
const MAX_NODES = 32;
const COMPACT_BYTES = 26;
const MAX_TOKEN_BYTES = 64;

/** A query with `ro` = 1 (BEP 43): it asks nodes not to add us to their routing tables. */
function query(name: string, transaction: Uint8Array, parameters: Parameters<typeof encode>[0]): Uint8Array {
  return encode({ a: parameters, q: name, ro: 1, t: transaction, y: 'q' });
}

/** A BEP 44 `get` by the node `id` for a target (20 bytes each). */
export function getQuery(id: Uint8Array, target: Uint8Array): Query {
  return (transaction) => query('get', transaction, lookupArguments(id, target));
}

/** A BEP 5 `find_node` by the node `id` for a target (20 bytes each). */
export function findNodeQuery(id: Uint8Array, target: Uint8Array): Query {
  return (transaction) => query('find_node', transaction, lookupArguments(id, target));
}

/** For any query anacrolix/dht returns the nodes closest to `info_hash`, or to zero if there is none. */
const lookupArguments = (id: Uint8Array, target: Uint8Array) => ({ id, info_hash: target, target });

/**
 * A BEP 44 `put` by the node `id` (20 bytes) with the token that the receiver gave.
 *
 * `cas` is the `seq` that the receiver must still hold; null puts the item whatever it holds. BEP 44 lists no
 * `target` argument, but the Rust `mainline` crate drops every put without one.
 */
export function putQuery(id: Uint8Array, item: MutableItem, token: Uint8Array, cas: number | null): Query {
  const { publicKey, seq, signature, value } = item;
  const parameters = {
    cas: cas ?? undefined,
    id,
    k: publicKey,
    seq,
    sig: signature,
    target: target(publicKey),
    token,
    v: value,
  };
  return (transaction) => query('put', transaction, parameters);
}

/** Parses a reply or error (BEP 5, 44) to one of our queries. Null for anything else. Never throws. */
export function parseAnswer(datagram: Uint8Array): Reply | ErrorReply | null {
  const message = asDictionary(decode(datagram));
  const transaction = asBytes(message?.get('t'), 4);
  if (message === null || transaction === null) return null;
  switch (asText(message.get('y'))) {
    case 'r':
      return parseReply(transaction, asDictionary(message.get('r')));
    case 'e':
      return parseError(transaction, message.get('e'));
    default:
      return null;
  }
}

function parseReply(transaction: Uint8Array, body: ReadonlyMap<string, Bencoded> | null): Reply | null {
  const id = asBytes(body?.get('id'), 20);
  if (body === null || id === null) return null;
  const nodes = parseCompactNodes(body.get('nodes'));
  const token = body.has('token') ? asBytes(body.get('token')) : null;
  const item = body.has('v') ? parseItem(body) : null;
  if (nodes === null) return null;
  if (body.has('token') && (token === null || token.length > MAX_TOKEN_BYTES)) return null;
  if (body.has('v') && item === null) return null;
  return { kind: 'reply', transaction, id, nodes, token, item };
}

function parseError(transaction: Uint8Array, body: Bencoded | undefined): ErrorReply | null {
  if (!Array.isArray(body)) return null;
  const [code, text] = body as readonly Bencoded[];
  const message = asText(text ?? new Uint8Array());
  if (typeof code !== 'number' || message === null) return null;
  return { kind: 'error', transaction, code, message: message.slice(0, 200) };
}

function parseItem(body: ReadonlyMap<string, Bencoded>): MutableItem | null {
  const publicKey = asBytes(body.get('k'), 32);
  const signature = asBytes(body.get('sig'), 64);
  const value = asBytes(body.get('v'));
  const seq = body.get('seq');
  if (publicKey === null || signature === null || value === null || typeof seq !== 'number') return null;
  return { publicKey, seq, signature, value };
}

/** Compact node info (BEP 5) for nodes whose hosts are dotted IPv4 addresses. */
export function compactNodes(nodes: readonly NodeAddress[]): Uint8Array {
  return Buffer.concat(
    nodes.flatMap(({ id, host, port }) => [id, Buffer.from([...host.split('.').map(Number), port >> 8, port & 0xff])]),
  );
}

/**
 * Parses compact node info (BEP 5), for each node 20 bytes of id, 4 of address and 2 of port. Returns the
 * first 32 that can be nodes; null if the length is not a multiple of 26 bytes.
 */
export function parseCompactNodes(value: Bencoded | undefined): NodeAddress[] | null {
  if (value === undefined) return [];
  const compact = asBytes(value);
  if (compact === null || compact.length % COMPACT_BYTES !== 0) return null;
  const nodes: NodeAddress[] = [];
  for (let at = 0; at < compact.length && nodes.length < MAX_NODES; at += COMPACT_BYTES) {
    const [a = 0, b = 0, c = 0, d = 0, high = 0, low = 0] = compact.subarray(at + 20, at + COMPACT_BYTES);
    const port = (high << 8) | low;
    const host = `${a}.${b}.${c}.${d}`;
    if (port !== 0 && isHostAddress(host)) nodes.push({ id: compact.subarray(at, at + 20), host, port });
  }
  return nodes;
}
