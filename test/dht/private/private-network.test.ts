import { createSocket } from 'node:dgram';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { publicKeyOf } from '../../../src/crypto/ed25519.ts';
import { type Encodable, encode } from '../../../src/dht/bencode.ts';
import { parseBootstrap } from '../../../src/dht/bootstrap.ts';
import { openDht } from '../../../src/dht/client.ts';
import { type Address, type ErrorReply, getQuery, putQuery, type Query, type Reply } from '../../../src/dht/krpc.ts';
import { signItem, target } from '../../../src/dht/mutable-item.ts';
import { type PrivateNetwork, startPrivateNetwork } from '../../../src/dht/private/private-network.ts';
import { Rpc } from '../../../src/dht/rpc.ts';

const id = new Uint8Array(20).fill(1);
const seed = new Uint8Array(32).fill(7);
const publicKey = publicKeyOf(seed);
const item = (seq: number, value = `value ${seq}`) => signItem(seed, publicKey, seq, Buffer.from(value));

let network: PrivateNetwork;
let first: Address;
const rpc = new Rpc();

beforeAll(async () => {
  network = await startPrivateNetwork();
  first = parseBootstrap(network.bootstrap)[0] as Address;
});

afterAll(async () => {
  rpc.close();
  await network.close();
});

async function ask(query: Query): Promise<Reply | ErrorReply> {
  const answer = await rpc.request(first, query);
  if (typeof answer === 'string') throw new Error(`the node was ${answer}`);
  return answer;
}

const get = () => ask(getQuery(id, target(publicKey)));

async function put(...[made, cas]: [ReturnType<typeof item>, number?]): Promise<number | 'stored'> {
  const got = await get();
  const token = (got.kind === 'reply' && got.token) || Buffer.from('none');
  const answer = await ask(putQuery(id, made, token, cas ?? null));
  return answer.kind === 'reply' ? 'stored' : answer.code;
}

async function send(datagram: Uint8Array): Promise<void> {
  const socket = createSocket('udp4');
  await new Promise((sent) => socket.send(datagram, first.port, first.host, sent));
  await new Promise<void>((closed) => socket.close(closed));
}

test('starts 20 nodes in well under 1.5 s, and they know each other at once', async () => {
  const began = performance.now();
  const other = await startPrivateNetwork();
  expect(performance.now() - began).toBeLessThan(1500);
  const dht = openDht({ bootstrap: parseBootstrap(other.bootstrap) });
  expect((await dht.resolve(publicKey)).nodes.length).toBeGreaterThanOrEqual(8);
  dht.close();
  await other.close();
});

test('names up to three nodes, the first on the port that was asked for', async () => {
  const taken = createSocket('udp4');
  await new Promise<void>((bound) => taken.bind(0, '127.0.0.1', bound));
  const { port } = taken.address();
  await expect(startPrivateNetwork({ nodes: 3, port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  await new Promise<void>((closed) => taken.close(closed));
  const other = await startPrivateNetwork({ nodes: 2, port });
  expect(parseBootstrap(other.bootstrap)).toHaveLength(2);
  expect(other.bootstrap.startsWith(`127.0.0.1:${port},`)).toBe(true);
  await other.close();
});

describe('a node', () => {
  test('names 8 nodes at the most, not its whole table', async () => {
    expect(await get()).toMatchObject({ nodes: { length: 8 } });
  });

  test('keeps to seq, cas and token, and takes what it holds already again', async () => {
    expect(await put(item(5))).toBe('stored');
    expect(await put(item(5))).toBe('stored');
    expect(await put(item(5), 5)).toBe('stored');
    expect(await put(item(5), 4)).toBe(301);
    expect(await put(item(5, 'another value'))).toBe(302);
    expect(await put(item(4))).toBe(302);
    expect(await put(item(6), 4)).toBe(301);
    expect(await put(item(6), 5)).toBe('stored');
    expect(await ask(putQuery(id, item(6), Buffer.from('forged'), null))).toMatchObject({ kind: 'error', code: 203 });
    expect(await get()).toMatchObject({ item: { seq: 6 } });
  });

  test('stores nothing whose signature is wrong', async () => {
    const got = await get();
    const token = (got.kind === 'reply' && got.token) || Buffer.from('none');
    await send(putQuery(id, { ...item(99), value: Buffer.from('forged') }, token, null)(Buffer.from('abcd')));
    expect(await get()).not.toMatchObject({ item: { seq: 99 } });
  });

  test('does not enter a client that asks with ro = 1 in its table, but one that does not', async () => {
    const socket = createSocket('udp4');
    const asker = new Uint8Array(target(publicKey)).with(19, 0);
    const named = async () => {
      const answer = await ask(getQuery(id, asker));
      return answer.kind === 'reply' && answer.nodes.some((node) => Buffer.compare(node.id, asker) === 0);
    };
    const ping = async (more: { [key: string]: Encodable }) => {
      const answered = new Promise((resolve) => socket.once('message', resolve));
      socket.send(encode({ a: { id: asker }, q: 'ping', t: 'aa', y: 'q', ...more }), first.port, first.host);
      await answered;
    };
    await ping({ ro: 1 });
    expect(await named()).toBe(false);
    await ping({});
    expect(await named()).toBe(true);
    socket.close();
  });

  const body: { [key: string]: Encodable } = { id };
  test.each<[string, Uint8Array]>([
    ['l-3:', Buffer.from('l-3:')],
    ['a type with a toString', Buffer.from('d1:yd8:toStringi1eee')],
    ['an error list with a toString', encode({ t: 'aa', y: 'e', e: [{ toString: 1 }] })],
    ['a dictionary that never ends', Buffer.from('d'.repeat(100))],
    ['an integer target', encode({ t: 'aa', y: 'q', q: 'get', a: { ...body, target: 1 } })],
    ['an integer info_hash', encode({ t: 'aa', y: 'q', q: 'get_peers', a: { ...body, info_hash: 1 } })],
    ['an integer token', encode({ t: 'aa', y: 'q', q: 'put', a: { ...body, token: 1, v: 'x' } })],
    [
      'a put with a short key',
      encode({ t: 'aa', y: 'q', q: 'put', a: { ...body, token: 't', v: 'x', k: 'x', sig: 'x', seq: 1 } }),
    ],
    [
      'an announce with an integer token',
      encode({ t: 'aa', y: 'q', q: 'announce_peer', a: { ...body, token: 1, port: 1, info_hash: id } }),
    ],
    ['an integer id in a reply', encode({ t: 'aa', y: 'r', r: { id: 1 } })],
    ['a reply without a body', encode({ t: 'aa', y: 'r' })],
    ['an id that is a dictionary', encode({ t: 'aa', y: 'q', q: 'ping', a: { id: { length: 20 } } })],
    ['a query name that is a dictionary', encode({ t: 'aa', y: 'q', q: { toString: 1 }, a: body })],
    ['a prototype', encode({ t: 'aa', y: 'q', q: 'ping', a: { id, ['__proto__']: { x: 1 } } })],
    ['an integer transaction id', encode({ t: 1, y: 'q', q: 'ping', a: body })],
    ['64 kB of noise', new Uint8Array(60_000).fill(0x6c)],
  ])('survives %s', async (_, datagram) => {
    await send(datagram);
    expect(await get()).toMatchObject({ kind: 'reply' });
  });
});
