import { createSocket } from 'node:dgram';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { publicKeyOf } from '../../src/crypto/ed25519.ts';
import { type Encodable, encode } from '../../src/dht/bencode.ts';
import { resolveBootstrap } from '../../src/dht/bootstrap.ts';
import type { NodeAddress } from '../../src/dht/krpc.ts';
import { type MutableItem, signItem, target } from '../../src/dht/mutable-item.ts';
import { Rpc } from '../../src/dht/rpc.ts';
import { type WalkOptions, type WalkResult, walk } from '../../src/dht/walk.ts';
import { type SimulatedNetwork, startSimulatedNetwork } from '../support/simulated-network.ts';
import { byDistance, carrying, compact, honest, type SimulatedNode, startNode } from '../support/simulated-node.ts';

const seed = new Uint8Array(32).fill(7);
const publicKey = publicKeyOf(seed);
const place = target(publicKey);
const item = (seq: number, value = `value ${seq}`) => signItem(seed, publicKey, seq, Buffer.from(value));

let rpc: Rpc;
const closing: { close(): void }[] = [];

beforeEach(() => {
  rpc = new Rpc();
});

afterEach(() => {
  rpc.close();
  for (const one of closing.splice(0)) one.close();
});

async function network(options: Parameters<typeof startSimulatedNetwork>[0]): Promise<SimulatedNetwork> {
  const started = await startSimulatedNetwork(options);
  closing.push(started);
  return started;
}

async function node(...args: Parameters<typeof startNode>): Promise<SimulatedNode> {
  const started = await startNode(...args);
  closing.push(started);
  return started;
}

async function timedWalk(
  bootstrap: readonly NodeAddress[],
  more: Partial<WalkOptions> = {},
): Promise<WalkResult & { milliseconds: number }> {
  const { signal } = new AbortController();
  const began = performance.now();
  const id = new Uint8Array(20).fill(9);
  const result = await walk({
    rpc,
    id,
    publicKey,
    starts: [],
    bootstrap: resolveBootstrap(bootstrap, signal),
    signal,
    ...more,
  });
  return { ...result, milliseconds: performance.now() - began };
}

/** An id that is closer to the key than any honest node's. */
const idAt = (distance: number) => place.with(19, (place[19] ?? 0) ^ distance);

describe('a walk', () => {
  test('finds the 8 closest nodes of a network, and asks as one that is no node itself', async () => {
    const { live, bootstrap } = await network({ live: 40 });
    const result = await timedWalk(bootstrap);
    expect(result.complete).toBe(true);
    const ports = (nodes: readonly NodeAddress[]) => nodes.slice(0, 8).map(({ port }) => port);
    expect(ports(result.nodes)).toEqual(ports(byDistance(live, place)));
    expect(live.flatMap(({ queries }) => queries).every(({ readOnly }) => readOnly)).toBe(true);
  });

  test('gives the newest value, although most of the closest nodes hold an old one', async () => {
    const { live, bootstrap } = await network({ live: 40 });
    const closest = byDistance(live, place);
    for (const [rank, each] of closest.slice(0, 8).entries()) each.held = item(rank === 6 ? 20 : 10);
    expect((await timedWalk(bootstrap)).newest?.seq).toBe(20);
  });

  test('gives the newest value, although every bootstrap node holds an old one and names no nodes beside it', async () => {
    const { live, bootstrap } = await network({ live: 40 });
    for (const each of live.slice(0, 3)) each.held = item(10);
    const closest = byDistance(live.slice(3), place)[0] as SimulatedNode;
    closest.held = item(20);
    const result = await timedWalk(bootstrap);
    expect(result.newest?.seq).toBe(20);
    expect(result.nodes.length).toBeGreaterThanOrEqual(8);
  });

  test('reports the first verified value at once and goes on', async () => {
    const { live, bootstrap } = await network({ live: 20, delay: 40 });
    for (const each of live.slice(0, 3)) each.held = item(10);
    const began = performance.now();
    const seen: [number, number][] = [];
    const onFirst = (first: MutableItem) => seen.push([first.seq, performance.now() - began]);
    const result = await timedWalk(bootstrap, { onFirst });
    expect(seen).toHaveLength(1);
    expect(seen[0]?.[0]).toBe(10);
    expect(seen[0]?.[1]).toBeLessThan(result.milliseconds - 30);
  });

  test('tells where two values with the newest seq were signed', async () => {
    const { live, bootstrap } = await network({ live: 20 });
    const [first, second, third] = byDistance(live, place) as [SimulatedNode, SimulatedNode, SimulatedNode];
    first.held = item(10, 'one');
    second.held = item(10, 'two');
    expect(await timedWalk(bootstrap)).toMatchObject({ conflict: true, newest: { seq: 10 } });
    third.held = item(11);
    expect(await timedWalk(bootstrap)).toMatchObject({ conflict: false, newest: { seq: 11 } });
  });

  test('takes well under a second where half of all known nodes are dead', async () => {
    const { live, bootstrap } = await network({ live: 32, dead: 32 });
    for (const each of byDistance(live, place).slice(0, 6)) each.held = item(10);
    const result = await timedWalk(bootstrap);
    expect(result.newest?.seq).toBe(10);
    expect(result.silent.length).toBeGreaterThan(2);
    expect(result.nodes.length).toBeGreaterThanOrEqual(8);
    expect(result.milliseconds).toBeLessThan(700);
  });

  test('counts the answer of a node that is slow, if the walk still runs when it comes', async () => {
    const slow = await node((query, self) => honest(() => [])(query, self), { id: idAt(1), delay: 600 });
    slow.held = item(20);
    const fast = await node(() => ({ r: { id: fast.id, nodes: compact([slow]) } }));
    const dead = await node(() => null);
    // Fewer than 8 answered: the walk waits for the bootstrap node that is still out.
    const result = await timedWalk([fast, dead]);
    expect(result.newest?.seq).toBe(20);
  });

  test('does not wait for a dead bootstrap node once 8 nodes answered', async () => {
    const { bootstrap } = await network({ live: 20 });
    const dead = await node(() => null);
    expect((await timedWalk([dead, ...bootstrap])).milliseconds).toBeLessThan(700);
  });

  test('waits for bootstrap nodes that are far away as long as nothing else answered', async () => {
    const { live } = await network({ live: 12, delay: 0 });
    const far = await node((query, self) => honest(() => live)(query, self), { delay: 900 });
    expect((await timedWalk([far])).nodes.length).toBeGreaterThanOrEqual(8);
  });

  test('starts from known nodes, too', async () => {
    const { live } = await network({ live: 20 });
    const result = await timedWalk([], { starts: live.slice(5, 6) });
    expect(result.nodes.length).toBeGreaterThanOrEqual(8);
  });

  test('ends when the signal is aborted, with what it has', async () => {
    const silent = await node(() => null);
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 50);
    const result = await timedWalk([silent], { signal: abort.signal });
    expect(result).toMatchObject({ complete: false, asked: 1, answered: 0 });
    expect(result.milliseconds).toBeLessThan(500);
    expect(await timedWalk([silent], { signal: abort.signal })).toMatchObject({ complete: false });
  });

  test('ends at once where nobody is known', async () => {
    expect(await timedWalk([])).toMatchObject({ complete: true, asked: 0, nodes: [] });
  });
});

describe('hostile nodes close to the key', () => {
  const forged = { ...item(99), value: Buffer.from('forged') };
  const otherSeed = new Uint8Array(32).fill(8);
  const foreign = signItem(otherSeed, publicKeyOf(otherSeed), 99, Buffer.from('foreign'));
  const answering = (fields: { [key: string]: Encodable }): SimulatedNode['answer'] => {
    return (_, self) => ({ r: { id: self.id, token: 't', ...fields } });
  };
  const sending = (bytes: (transaction: Uint8Array) => Uint8Array): SimulatedNode['answer'] => {
    return ({ transaction }) => ({ raw: bytes(transaction) });
  };
  const deep = (transaction: Uint8Array) =>
    Buffer.concat([
      Buffer.from(`d1:rd2:id20:${'x'.repeat(20)}e1:t4:`),
      transaction,
      Buffer.from(`1:y${'l'.repeat(3000)}`),
    ]);

  test.each<[string, SimulatedNode['answer']]>([
    ['a forged value', answering(carrying(forged))],
    ['another key’s value', answering(carrying(foreign))],
    ['another key’s value under this key', answering({ ...carrying(foreign), k: publicKey })],
    [
      'a seq beyond the safe range',
      sending((t) =>
        Buffer.concat([
          Buffer.from('d1:rd2:id20:xxxxxxxxxxxxxxxxxxxx3:seqi9007199254740993ee1:t4:'),
          t,
          Buffer.from('1:y1:re'),
        ]),
      ),
    ],
    ['a seq that is negative', answering({ ...carrying(item(99)), seq: -99 })],
    ['a value of 1001 bytes', answering({ ...carrying(item(99)), v: new Uint8Array(1001) })],
    ['l-3:', sending(() => Buffer.from('l-3:'))],
    ['d1:yd8:toStringi1eee', sending(() => Buffer.from('d1:yd8:toStringi1eee'))],
    ['nothing but noise', sending(() => Buffer.alloc(1200, 0xff))],
    ['60 kB', sending((t) => encode({ t, y: 'r', r: { id: idAt(1), nodes: new Uint8Array(26 * 2300) } }))],
    ['a deep structure', sending(deep)],
    ['the id of another node', answering({ id: new Uint8Array(20) })],
    ['an error', () => ({ e: [201, 'x'.repeat(1000)] })],
    [
      'nodes that do not exist',
      answering({
        nodes: compact(Array.from({ length: 30 }, (_, i) => ({ id: idAt(i + 2), host: '127.0.0.1', port: 1 + i }))),
      }),
    ],
    [
      'itself and us as nodes',
      (_, self) => ({ r: { id: self.id, nodes: compact([self, { ...self, id: new Uint8Array(20).fill(9) }]) } }),
    ],
  ])('that answer %s do not keep the right value from being found', async (_, answer) => {
    const { live, bootstrap } = await network({ live: 20 });
    const hostile = await node(answer, { id: idAt(1) });
    for (const each of live) each.answer = honest(() => [hostile, ...live]);
    for (const each of byDistance(live, place).slice(0, 4)) each.held = item(20);
    const result = await timedWalk([hostile, ...bootstrap]);
    expect(hostile.queries.length).toBeGreaterThan(0);
    expect(result).toMatchObject({ conflict: false, newest: { seq: 20 } });
    expect(result.milliseconds).toBeLessThan(1500);
  });

  test('that answer under another id than they were named by stand where their own id says', async () => {
    const { live, bootstrap } = await network({ live: 20 });
    const other = await node(answering({}), { id: idAt(200) });
    for (const each of live) each.answer = honest(() => [{ ...other, id: idAt(2) }, ...live]);
    const { nodes } = await timedWalk(bootstrap);
    expect(Uint8Array.from(nodes.find(({ port }) => port === other.port)?.id ?? [])).toEqual(other.id);
  });

  test.each([
    ['close', (i: number) => idAt(i + 2)],
    ['far off', (i: number) => idAt(0).map((byte, at) => (at === 0 ? byte ^ 0xff : byte ^ i))],
  ])('that name the holders of an item under wrong ids, %s, do not hide it', async (_where, wrongId) => {
    const { live } = await network({ live: 60 });
    const ordered = byDistance(live, place);
    const holders = ordered.slice(0, 8);
    for (const each of holders) each.held = item(20);
    const hostile = await node(
      (_, self) => ({ r: { id: self.id, nodes: compact(holders.map((each, i) => ({ ...each, id: wrongId(i) }))) } }),
      { id: idAt(1) },
    );
    const honestStarts = ordered.slice(40, 43);
    expect((await timedWalk([hostile, ...honestStarts])).newest?.seq).toBe(20);
  });

  test('that answer from another port are overlooked', async () => {
    const other = createSocket('udp4');
    closing.push(other);
    const { live, bootstrap } = await network({ live: 20 });
    const hostile = await node(answering(carrying(item(99))), { id: idAt(1), from: other });
    for (const each of live) each.held = item(20);
    expect((await timedWalk([hostile, ...bootstrap])).newest?.seq).toBe(20);
  });

  test('can not lead the walk on for ever', async () => {
    // Twenty nodes that each name thirty more, all closer to the key than themselves, none of which exists.
    let named = 0;
    const nowhere = () => {
      named += 1;
      return { id: idAt(1), host: '127.0.0.1', port: named };
    };
    const hostile: SimulatedNode[] = [];
    const answer: SimulatedNode['answer'] = (_, self) => ({
      r: { id: self.id, nodes: compact(Array.from({ length: 30 }, nowhere)) },
    });
    for (let i = 0; i < 20; i += 1) hostile.push(await node(answer, { id: idAt(i + 2) }));
    const result = await timedWalk(hostile);
    expect(named).toBe(600);
    expect(result).toMatchObject({ complete: true, answered: 20 });
    expect(result.asked).toBeLessThan(512);
    expect(result.milliseconds).toBeLessThan(4000);
  });
});
