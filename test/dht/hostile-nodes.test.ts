import { describe, expect, test } from 'vitest';
import { sign } from '../../src/crypto/ed25519.ts';
import { type Encodable, encode } from '../../src/dht/bencode.ts';
import { type Dht, type DhtOptions, openDht } from '../../src/dht/client.ts';
import type { NodeAddress } from '../../src/dht/krpc.ts';
import { type MutableItem, sameItem } from '../../src/dht/mutable-item.ts';
import { closedAfterTest } from '../support/closed-after-test.ts';
import { HOSTILE, type HostileWay, saying, sending } from '../support/hostile-nodes.ts';
import { type NetworkOptions, type SimulatedNetwork, startSimulatedNetwork } from '../support/simulated-network.ts';
import { byDistance, carrying, honest, type SimulatedNode } from '../support/simulated-node.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { testKey } from '../support/test-key.ts';

/** How often each kind is met, each time on another network and at other ranks. */
const ROUNDS = 3;
/** A put goes to the 20 closest nodes. 30 % of them are hostile. */
const SPOILT = 6;
/** For a publish as for a resolve: less than it takes to wait for one silent node to the end. */
const LONGEST_MS = 1500;

type ClientOptions = Pick<DhtOptions, 'bootstrap' | 'cacheFolder'>;

const { seed, publicKey, target, item } = testKey(7);
const OLD = item(10, 'old');
const CURRENT = item(20, 'current');
const NEW = item(30, 'new');

/** 60 nodes that answer in any order. The 12 closest to the key hold its current packet. */
async function network(seed: number, options: Partial<NetworkOptions> = {}): Promise<SimulatedNetwork> {
  const delayMs = { median: 10, sigma: 0.6 };
  const started = closedAfterTest(await startSimulatedNetwork({ live: 60, seed, delayMs, ...options }));
  for (const node of byDistance(started.live, target).slice(0, 12)) node.held = CURRENT;
  return started;
}

/** Makes every third of the closest nodes hostile, from `rank` (0 to 2) on. Returns them. */
function spoil(live: readonly SimulatedNode[], rank: number, way: HostileWay): SimulatedNode[] {
  const hostile = byDistance(live, target)
    .filter((_, i) => i % 3 === rank)
    .slice(0, SPOILT);
  for (const node of hostile) node.answer = way(node.answer, OLD);
  return hostile;
}

/** What a new client makes of `work`, which must not take too long. */
async function inTime<T>(options: ClientOptions, work: (dht: Dht) => Promise<T>): Promise<T> {
  const dht = openDht(options);
  const began = performance.now();
  try {
    const result = await work(dht);
    expect(performance.now() - began).toBeLessThan(LONGEST_MS);
    return result;
  } finally {
    dht.close();
  }
}

const text = (one: MutableItem | null) => one && `${one.seq} ${Buffer.from(one.value)}`;

/**
 * Publishes the new packet and resolves it, and may meet real packets only. Returns how many nodes are said
 * to hold it.
 */
async function publishAndResolve(options: ClientOptions): Promise<number> {
  const { holders, overtakenBy } = await inTime(options, async (dht) => {
    const from = await dht.resolve(publicKey);
    expect(text(from.newest)).toBe(text(CURRENT));
    return dht.put(NEW, { from });
  });
  expect(overtakenBy).toBeNull();

  const first: (string | null)[] = [];
  const onFirst = (met: MutableItem) => first.push(text(met));
  const { newest, conflict } = await inTime(options, (dht) => dht.resolve(publicKey, { onFirst }));
  expect({ newest: text(newest), conflict }).toEqual({ newest: text(NEW), conflict: false });
  expect([OLD, CURRENT, NEW].map(text)).toContain(first[0]);
  return holders;
}

const holders = (nodes: readonly SimulatedNode[]) =>
  nodes.filter(({ held }) => held !== null && sameItem(held, NEW)).length;

/** The reply with which a node gives out a packet. */
const giving = (t: Uint8Array, id: Uint8Array, packet: MutableItem, more: { [key: string]: Encodable } = {}) =>
  encode({ t, y: 'r', r: { id, token: 'token', ...carrying(packet) }, ...more });

/** A signature (BEP 44) over values that `signItem` refuses. */
function signed(seq: string, value: Uint8Array): Uint8Array {
  return sign(seed, Buffer.concat([Buffer.from(`3:seqi${seq}e1:v${value.length}:`), value]));
}

const HUGE = { ...item(99, ''), value: new Uint8Array(1001), signature: signed('99', new Uint8Array(1001)) };
const ROUNDED = { ...item(99, 'rounded'), signature: signed(`${2 ** 53}`, Buffer.from('rounded')) };

/** Packets that must be ignored, although the key itself signed them. */
const SIGNED: Readonly<Record<string, HostileWay>> = {
  'answers with a signed value of 1001 bytes': () => saying(carrying(HUGE)),
  'answers with a signed seq above 2^53 - 1': () =>
    sending((t, id) => {
      const datagram = Buffer.from(giving(t, id, ROUNDED)).toString('latin1');
      return Buffer.from(datagram.replace('i99e', `i${2 ** 53}e`), 'latin1');
    }),
  'answers with a signed packet in 9,000 bytes': () =>
    sending((t, id) => giving(t, id, item(99, 'long'), { pad: new Uint8Array(9000) })),
  'answers with a signed packet in a deep structure': () =>
    sending((t, id) => {
      let deep: Encodable = [];
      for (let depth = 0; depth < 500; depth += 1) deep = [deep];
      return giving(t, id, item(99, 'deep'), { deep });
    }),
  'answers with a signed packet in a structure of many parts': () =>
    sending((t, id) => giving(t, id, item(99, 'many'), { parts: Array<Encodable>(2000).fill([]) })),
  'answers with a signed packet and goes on behind its end': () =>
    sending((t, id) => Buffer.concat([giving(t, id, item(99, 'more')), Buffer.from('e')])),
};

describe('where 6 of the 20 closest nodes are of one kind, a packet is published, and found', () => {
  test.each(Object.entries({ ...HOSTILE, ...SIGNED }))('a node that %s', async (_, way) => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const { live, bootstrap } = await network(round + 1);
      const hostile = spoil(live, round, way);
      const nodes = await publishAndResolve({ bootstrap });
      expect(nodes).toBeGreaterThanOrEqual(8);
      expect(nodes).toBeLessThanOrEqual(holders(live));
      expect(hostile.filter(({ queries }) => queries.length > 0).length).toBeGreaterThanOrEqual(2);
    }
  });

  test('a node that answers with an old value under the very id that is searched for, to stand before all others', async () => {
    const { live, bootstrap } = await network(1);
    spoil(live, 0, (_, old) => () => ({ r: { id: target, token: 'token', ...carrying(old) } }));
    const nodes = await publishAndResolve({ bootstrap });
    expect(nodes).toBeGreaterThanOrEqual(8);
    expect(nodes).toBeLessThanOrEqual(holders(live));
  });
});

describe('bootstrap nodes', () => {
  test('that are dead, all but one, do not keep a packet from being published, and found', async () => {
    const { bootstrap, dead } = await network(1, { dead: 20 });
    const mostlyDead = [...dead.slice(0, 2), ...bootstrap.slice(2)];
    expect(await publishAndResolve({ bootstrap: mostlyDead })).toBeGreaterThanOrEqual(8);
  });

  test('that know only dead ones, all but one, do not keep a packet from being published, and found', async () => {
    const { bootstrap, live } = await network(1, { dead: 20, bootstrap: 'knows only dead' });
    const good = live.slice(-1);
    expect(await publishAndResolve({ bootstrap: [...bootstrap.slice(1), ...good] })).toBeGreaterThanOrEqual(8);
  });

  test.each<[string, (dead: NodeAddress[]) => SimulatedNode['answer']]>([
    ['are all dead', () => () => null],
    ['all know only dead ones', (dead) => honest(() => dead)],
  ])('that %s do not keep it from whoever was on the network before', async (_, answer) => {
    const { bootstrap, live, dead } = await network(1, { dead: 20 });
    const options = { bootstrap, cacheFolder: temporaryFolder() };
    await inTime(options, (dht) => dht.resolve(publicKey));
    for (const node of live.slice(0, bootstrap.length)) node.answer = answer(dead);
    expect(await publishAndResolve(options)).toBeGreaterThanOrEqual(8);
  });
});
