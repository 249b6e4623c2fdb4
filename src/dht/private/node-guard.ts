import { createSocket, type Socket } from 'node:dgram';
import { EventEmitter } from 'node:events';
import { asBytes, asDictionary, asText, type Bencoded, decode, type Encodable, encode } from '../bencode.ts';

/**
 * A UDP socket that passes only harmless datagrams to a bittorrent-dht node.
 *
 * A single malformed datagram can kill that library: `l-3:` makes its decoder run out of memory, and a number
 * in place of a string ends the whole process.
 */
export function guardedSocket(): EventEmitter {
  const socket = createSocket('udp4');
  const guarded = new GuardedSocket(socket);
  socket.on('message', (datagram, from) => {
    const harmless = harmlessDatagram(datagram);
    if (harmless !== null) guarded.emit('message', harmless, from);
  });
  for (const event of ['error', 'listening', 'close']) socket.on(event, (...args) => guarded.emit(event, ...args));
  return guarded;
}

/** The methods that k-rpc-socket calls on a socket. */
class GuardedSocket extends EventEmitter {
  readonly address: Socket['address'];
  readonly bind: Socket['bind'];
  readonly send: Socket['send'];
  readonly close: Socket['close'];

  constructor(socket: Socket) {
    super();
    this.address = socket.address.bind(socket);
    this.bind = socket.bind.bind(socket);
    this.send = socket.send.bind(socket);
    this.close = socket.close.bind(socket);
  }
}

type Dictionary = ReadonlyMap<string, Bencoded>;

/**
 * Re-encodes the message (BEP 5, BEP 44) in a datagram with only the fields that a node needs, each of the
 * right type. Null for anything else.
 *
 * A query with `ro` = 1 (BEP 43) loses its id, which keeps the sender out of the routing table.
 */
export function harmlessDatagram(datagram: Uint8Array): Buffer | null {
  const message = asDictionary(decode(datagram));
  const t = asBytes(message?.get('t'));
  if (message === null || t === null || t.length === 0 || t.length > 16) return null;
  const y = asText(message.get('y'));
  const rest =
    y === 'q' ? harmlessQuery(message) : y === 'r' ? harmlessReply(message) : y === 'e' ? harmlessError(message) : null;
  return rest && Buffer.from(encode({ t, y: y as string, ...rest }));
}

/** The fields of a message body, with the length in bytes that each must have (0: any, null: a number). */
type Shape = Readonly<Record<string, number | null>>;

const QUERIES: Readonly<Record<string, { required: Shape; optional?: Shape }>> = {
  ping: { required: {} },
  find_node: { required: { target: 20 } },
  get_peers: { required: { info_hash: 20 } },
  announce_peer: { required: { info_hash: 20, token: 0, port: null }, optional: { implied_port: null } },
  get: { required: { target: 20 } },
  // Mutable items only: nothing else is stored here.
  put: { required: { k: 32, seq: null, sig: 64, token: 0, v: 0 }, optional: { cas: null, salt: 0 } },
};

function harmlessQuery(message: Dictionary): Record<string, Encodable> | null {
  const name = asText(message.get('q')) ?? '';
  const body = asDictionary(message.get('a'));
  const shape = Object.hasOwn(QUERIES, name) ? QUERIES[name] : undefined;
  if (body === null || shape === undefined) return null;
  const a = pick(body, { id: 20, ...shape.required }, shape.optional ?? {});
  if (a === null) return null;
  // k-rpc adds only nodes with an id of 20 bytes.
  if (message.get('ro') === 1) a['id'] = '';
  return { q: name, a };
}

function harmlessReply(message: Dictionary): Record<string, Encodable> | null {
  const body = asDictionary(message.get('r'));
  const r = body && pick(body, { id: 20 }, { nodes: 0, token: 0 });
  return r && { r };
}

function harmlessError(message: Dictionary): Record<string, Encodable> | null {
  const body = message.get('e');
  const [code, text] = Array.isArray(body) ? (body as readonly Bencoded[]) : [];
  const words = asText(text);
  return typeof code === 'number' && words !== null ? { e: [code, words] } : null;
}

function pick(body: Dictionary, required: Shape, optional: Shape): Record<string, Encodable> | null {
  const picked: Record<string, Encodable> = {};
  for (const [name, length] of Object.entries({ ...required, ...optional })) {
    const value = body.get(name);
    if (value === undefined && Object.hasOwn(optional, name)) continue;
    const isRight = length === null ? typeof value === 'number' : asBytes(value, length || undefined) !== null;
    if (!isRight) return null;
    picked[name] = value as number | Uint8Array;
  }
  return picked;
}
