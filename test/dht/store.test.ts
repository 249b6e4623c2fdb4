import { afterEach, describe, expect, test } from 'vitest';
import { type Dht, openDht } from '../../src/dht/client.ts';
import type { NodeAddress } from '../../src/dht/krpc.ts';
import type { MutableItem } from '../../src/dht/mutable-item.ts';
import { Rpc } from '../../src/dht/rpc.ts';
import { Store, type StoreOptions } from '../../src/dht/store.ts';
import type { AnsweredNode } from '../../src/dht/walk.ts';
import { startSimulatedNetwork } from '../support/simulated-network.ts';
import { byDistance, carrying, type SimulatedNode, startNode } from '../support/simulated-node.ts';
import { testKey } from '../support/test-key.ts';

const { publicKey, place, item } = testKey(7);
const text = (packet: MutableItem | null) => packet && Buffer.from(packet.value).toString();
const TOKEN = Buffer.from('token');

const closing: { close(): void }[] = [];
afterEach(() => {
  for (const one of closing.splice(0)) one.close();
});

/** Honest nodes, the closest to the key first. */
async function nodes(live: number): Promise<SimulatedNode[]> {
  const network = await startSimulatedNetwork({ live });
  closing.push(network);
  return byDistance(network.live, place);
}

async function node(...args: Parameters<typeof startNode>): Promise<SimulatedNode> {
  const started = await startNode(...args);
  closing.push(started);
  return started;
}

function client(bootstrap: readonly NodeAddress[]): Dht {
  const dht = openDht({ bootstrap });
  closing.push(dht);
  return dht;
}

/** Has a node answer each put with this. */
function answerPuts(node: SimulatedNode, said: SimulatedNode['answer']): void {
  const { answer } = node;
  node.answer = (query, self) => (query.name === 'put' ? said : answer)(query, self);
}

/** A node that takes whatever comes, and tells it to everybody. */
const taking: SimulatedNode['answer'] = ({ name, parameters }, self) => {
  if (name === 'put') self.held = { ...item(Number(parameters.get('seq'))) };
  return { r: { id: self.id, token: TOKEN, ...(name === 'get' && self.held !== null ? carrying(self.held) : {}) } };
};

const asReplied = ({ id, host, port, held }: SimulatedNode): AnsweredNode => ({
  id,
  host,
  port,
  token: TOKEN,
  item: held,
});

/** Puts `item(5)` to these nodes alone. */
function storeOn(all: readonly SimulatedNode[], options: Partial<StoreOptions> = {}): Store {
  const rpc = new Rpc();
  closing.push(rpc);
  const { signal } = new AbortController();
  const id = new Uint8Array(20);
  const store = new Store({
    rpc,
    id,
    item: item(5),
    base: -1,
    condition: 'older',
    isContested: false,
    signal,
    ...options,
  });
  store.consider(all.map(asReplied));
  store.endOfNodes();
  return store;
}

describe('a packet is held', () => {
  test.each([
    [301, 'CAS mismatch'],
    [302, 'sequence number less than current'],
  ])('by nodes that refuse it as not newer (%i), and give it back', async (code, message) => {
    const all = await nodes(8);
    for (const each of all) {
      each.held = item(5);
      answerPuts(each, () => ({ e: [code, message] }));
    }
    expect(await client(all).put(item(5))).toMatchObject({ holders: 8, refusal: `${code} ${message}` });
  });

  test('by a node that is late with its answer to the put, where fewer than 3 others hold it', async () => {
    // Nobody waits longer than 0.8 s for a put as long as no round trip is known. Only the first two answers are late.
    const delays = [1300, 1300];
    const late = await node(taking, { delay: () => delays.shift() ?? 0 });
    const store = storeOn([late, await node(taking), await node(taking)]);
    expect(await store.enough).toMatchObject({ holders: 3, tried: 3, answered: 3 });
  });

  test('by a node to which the first put was lost', async () => {
    let arrived = 0;
    const lossy = await node(taking, { delay: () => (arrived++ === 0 ? null : 0) });
    const store = storeOn([lossy, await node(taking), await node(taking)]);
    expect(await store.settled).toMatchObject({ holders: 3 });
    expect(lossy.queries.filter(({ name }) => name === 'put')).toHaveLength(1);
  });

  test('not by a node that gives an older one back, which is asked twice, and told', async () => {
    const stubborn = await node((query, self) => (query.name === 'put' ? { r: { id: self.id } } : taking(query, self)));
    stubborn.held = item(1);
    const store = storeOn([stubborn, ...(await Promise.all([1, 2, 3].map(() => node(taking))))], { base: 1 });
    expect(await store.settled).toMatchObject({ holders: 3, older: 1, overtakenBy: null });
    expect(stubborn.queries.filter(({ name }) => name === 'put')).toHaveLength(2);
  });
});

describe('a packet is put', () => {
  test('to the 20 closest and to all further off that hold another one, 40 in all at the most', async () => {
    const all = await Promise.all(Array.from({ length: 60 }, () => node(taking)));
    for (const each of all.slice(25)) each.held = item(1);
    expect((await storeOn(all, { base: 1 }).settled).tried).toBe(40);
    const reached = all.map(({ queries }) => queries.some(({ name }) => name === 'put'));
    expect(reached).toEqual(all.map((_, rank) => rank < 20 || (rank >= 25 && rank < 45)));
  });

  test('and those beyond the 40 that hold an older one are told of', async () => {
    const all = await Promise.all(Array.from({ length: 60 }, () => node(taking)));
    for (const each of all.slice(25)) each.held = item(1);
    expect((await storeOn(all, { base: 1 }).settled).older).toBe(15);
  });

  test('and that is enough with 8 nodes, while the others are waited for 400 ms at the most', async () => {
    const quick = await Promise.all(Array.from({ length: 8 }, () => node(taking)));
    const slow = await Promise.all(Array.from({ length: 4 }, () => node(taking, { delay: 5000 })));
    const began = performance.now();
    const store = storeOn([...slow, ...quick]);
    expect(await store.enough).toMatchObject({ holders: 8, tried: 12 });
    expect(performance.now() - began).toBeLessThan(200);
    const enoughAt = performance.now();
    expect(await store.settled).toMatchObject({ holders: 8 });
    // The limit of 80 ms, twice, is over before; it is that which ends it where answers take so long in general.
    expect(performance.now() - enoughAt).toBeLessThan(450);
  });

  test('and all that hold it in time are counted in the end', async () => {
    const quick = await Promise.all(Array.from({ length: 9 }, () => node(taking)));
    const slower = await Promise.all(Array.from({ length: 5 }, () => node(taking, { delay: 60 })));
    const store = storeOn([...slower, ...quick]);
    expect((await store.enough).holders).toBeLessThan(14);
    expect(await store.settled).toMatchObject({ holders: 14, answered: 14, older: 0 });
  });
});

test('a packet that was put with cas is put without it as well, or nodes of anacrolix/dht lock it', async () => {
  /** What such a node says to a put (bep44/item.go). */
  let lock = 0;
  const locking: SimulatedNode['answer'] = (query, self) => {
    if (query.name !== 'put') return taking(query, self);
    const [seq, cas] = [Number(query.parameters.get('seq')), Number(query.parameters.get('cas') ?? 0)];
    if (self.held !== null && seq < self.held.seq) return { e: [302, 'sequence number less than current'] };
    if (self.held !== null && seq > self.held.seq && lock !== 0 && lock !== cas) return { e: [301, 'CAS mismatch'] };
    lock = cas;
    return taking(query, self);
  };
  const one = await node(locking);
  one.held = item(4);
  expect(await storeOn([one], { base: 4, condition: 'unchanged' }).settled).toMatchObject({ holders: 1 });
  expect(lock).toBe(0);
  expect(await storeOn([one], { base: 5, item: item(6) }).settled).toMatchObject({ holders: 1, refusal: null });
});

describe('somebody who was quicker', () => {
  test('ends the work, also where his packet has a lower number than ours', async () => {
    const all = await Promise.all(Array.from({ length: 5 }, () => node(taking)));
    const [first] = all as [SimulatedNode];
    first.held = item(4);
    const report = await storeOn(all, { base: 3 }).enough;
    expect(report.overtakenBy?.seq).toBe(4);
  });

  test('is met on a node that takes no put, further off than a look-up goes', async () => {
    const all = await nodes(40);
    const dht = client(all.slice(0, 3));
    const from = await dht.resolve(publicKey);
    const asked = new Set(from.nodes.map(({ port }) => port));
    const far = all.slice(0, 20).find(({ port }) => !asked.has(port)) as SimulatedNode;
    far.held = item(100, 'theirs');
    answerPuts(far, () => null);
    const { settled } = await dht.put(item(5), { from });
    expect(text((await settled).overtakenBy)).toBe('theirs');
  });
});

describe('of several that put over the same packet at one moment', () => {
  const contested = { base: 1, isContested: true } as const;

  test('the one that comes later sees it before it puts', async () => {
    const all = await Promise.all(Array.from({ length: 10 }, () => node(taking)));
    for (const each of all) each.held = item(1);
    const later = all.map(asReplied);
    for (const each of all) each.held = item(4);
    const { signal } = new AbortController();
    const rpc = new Rpc();
    closing.push(rpc);
    const store = new Store({ rpc, id: new Uint8Array(20), item: item(5), condition: 'older', signal, ...contested });
    store.consider(later);
    store.endOfNodes();
    expect((await store.settled).overtakenBy?.seq).toBe(4);
    expect(all.flatMap(({ queries }) => queries).filter(({ name }) => name === 'put')).toEqual([]);
  });

  test('the one that came first sees the other, when it looks once more', async () => {
    const all = await Promise.all(Array.from({ length: 10 }, () => node(taking)));
    const store = storeOn(all, contested);
    expect(await store.enough).toMatchObject({ overtakenBy: null });
    for (const each of all) each.held = item(6);
    expect((await store.settled).overtakenBy?.seq).toBe(6);
  });

  test('one alone looks once more as well, and finds its own', async () => {
    const all = await Promise.all(Array.from({ length: 4 }, () => node(taking)));
    expect(await storeOn(all, contested).settled).toMatchObject({ holders: 4, overtakenBy: null });
    expect(all.map(({ queries }) => queries.map(({ name }) => name))).toEqual(
      all.map(() => ['get', 'put', 'get', 'get']),
    );
  });
});
