import { getEventListeners } from 'node:events';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { asBytes, type Encodable } from '../../src/dht/bencode.ts';
import { type Bootstrap, resolveBootstrap } from '../../src/dht/bootstrap.ts';
import { type Address, findNodeQuery, keyOf, type NodeAddress } from '../../src/dht/krpc.ts';
import type { MutableItem } from '../../src/dht/mutable-item.ts';
import { Rpc } from '../../src/dht/rpc.ts';
import { type WalkOptions, type WalkResult, type WiderWalkOptions, walk, walkWider } from '../../src/dht/walk.ts';
import { closedAfterTest, networkForTest, nodeForTest } from '../support/closed-after-test.ts';
import { byDistance, carrying, compact, honest, type SimulatedNode } from '../support/simulated-node.ts';
import { testKey } from '../support/test-key.ts';

const { publicKey, target, item } = testKey(7);

let rpc: Rpc;
beforeEach(() => {
  rpc = closedAfterTest(new Rpc());
});

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
    wasSilent: () => false,
    bootstrap: resolveBootstrap(bootstrap, signal),
    signal,
    ...more,
  });
  return { ...result, milliseconds: performance.now() - began };
}

/** Continues a walk that found what `from` says, by default nothing. */
function wider(from: Partial<WiderWalkOptions['from']>, more: Partial<WiderWalkOptions> = {}): Promise<WalkResult> {
  return walkWider({
    rpc,
    id: new Uint8Array(20).fill(9),
    publicKey,
    from: { nodes: [], unheard: [], silent: [], ...from },
    closest: 20,
    wasSilent: () => false,
    onReply: () => {},
    signal: new AbortController().signal,
    ...more,
  });
}

/** True for a query about the key. One of another test may arrive at a port that was its node's before. */
const isOurs = ({ parameters }: SimulatedNode['queries'][number]) =>
  Buffer.compare(asBytes(parameters.get('target')) ?? new Uint8Array(), target) === 0;

const addressOf = ({ host, port }: NodeAddress) => ({ host, port });

/** Ends once whatever a node sent before has arrived. */
const asLateAs = (node: NodeAddress) => rpc.request(node, findNodeQuery(target, target));

/** An id closer to the key than any honest node's, at a distance of up to 65535. */
const idAt = (distance: number) =>
  target.with(18, (target[18] ?? 0) ^ (distance >> 8)).with(19, (target[19] ?? 0) ^ (distance & 255));

describe('a walk', () => {
  test('finds the 8 closest nodes of a network, and asks as one that is no node itself', async () => {
    const { live, bootstrap } = await networkForTest({ live: 40 });
    const result = await timedWalk(bootstrap);
    expect(result.complete).toBe(true);
    const ports = (nodes: readonly NodeAddress[]) => nodes.slice(0, 8).map(({ port }) => port);
    expect(ports(result.nodes)).toEqual(ports(byDistance(live, target)));
    expect(live.flatMap(({ queries }) => queries).every(({ readOnly }) => readOnly)).toBe(true);
  });

  test('gives the newest value, although most of the closest nodes hold an old one', async () => {
    const { live, bootstrap } = await networkForTest({ live: 40 });
    const closest = byDistance(live, target);
    for (const [rank, each] of closest.slice(0, 8).entries()) each.held = item(rank === 6 ? 20 : 10);
    expect((await timedWalk(bootstrap)).newest?.seq).toBe(20);
  });

  test('gives the newest value, although every bootstrap node holds an old one and names no nodes beside it', async () => {
    const { live, bootstrap } = await networkForTest({ live: 40 });
    for (const each of live.slice(0, 3)) each.held = item(10);
    const closest = byDistance(live.slice(3), target)[0] as SimulatedNode;
    closest.held = item(20);
    const result = await timedWalk(bootstrap);
    expect(result.newest?.seq).toBe(20);
    expect(result.nodes.length).toBeGreaterThanOrEqual(8);
  });

  test('reports the first verified value at once and goes on', async () => {
    const { live, bootstrap } = await networkForTest({ live: 20, delayMs: 40 });
    for (const each of live.slice(0, 3)) each.held = item(10);
    for (const each of live.slice(3)) each.held = item(20);
    const began = performance.now();
    const seen: [number, number][] = [];
    const onFirst = (first: MutableItem) => seen.push([first.seq, performance.now() - began]);
    const result = await timedWalk(bootstrap, { onFirst });
    expect(seen).toHaveLength(1);
    expect(seen[0]?.[0]).toBe(10);
    expect(seen[0]?.[1]).toBeLessThan(result.milliseconds - 30);
    // A newer one is no longer the first.
    expect(result.newest?.seq).toBe(20);
  });

  test('tells where two values with the newest seq were signed', async () => {
    const { live, bootstrap } = await networkForTest({ live: 20 });
    const [first, second, third] = byDistance(live, target) as [SimulatedNode, SimulatedNode, SimulatedNode];
    first.held = item(10, 'one');
    second.held = item(10, 'two');
    expect(await timedWalk(bootstrap)).toMatchObject({ conflict: true, newest: { seq: 10 } });
    third.held = item(11);
    expect(await timedWalk(bootstrap)).toMatchObject({ conflict: false, newest: { seq: 11 } });
  });

  test.each([
    ['one', 'two'],
    ['two', 'one'],
  ])(
    'gives everybody the same of two values with the newest seq, also if it found “%s” first',
    async (first, second) => {
      const other = await nodeForTest(honest(() => []));
      other.held = item(10, second);
      const root = await nodeForTest((_, { id }) => ({
        r: { id, nodes: compact([other]), ...carrying(item(10, first)) },
      }));
      const { newest, conflict } = await timedWalk([root]);
      expect(Buffer.from(newest?.value ?? []).toString()).toBe('two');
      expect(conflict).toBe(true);
    },
  );

  test('takes well under a second where half of all known nodes are dead', async () => {
    const { live, bootstrap } = await networkForTest({ live: 32, dead: 32 });
    for (const each of byDistance(live, target).slice(0, 6)) each.held = item(10);
    const result = await timedWalk(bootstrap);
    expect(result.newest?.seq).toBe(10);
    expect(result.silent.length).toBeGreaterThan(2);
    expect(result.nodes.length).toBeGreaterThanOrEqual(8);
    expect(result.milliseconds).toBeLessThan(700);
  });

  test('counts the answer of a node that is slow, if the walk still runs when it comes', async () => {
    const slow = await nodeForTest((query, self) => honest(() => [])(query, self), { id: idAt(1), delayMs: 600 });
    slow.held = item(20);
    const fast = await nodeForTest(() => ({ r: { id: fast.id, nodes: compact([slow]) } }));
    const dead = await nodeForTest(() => null);
    // Fewer than 8 answered, so the walk waits for the bootstrap node that is still out.
    const result = await timedWalk([fast, dead]);
    expect(result.newest?.seq).toBe(20);
  });

  test('waits for the nodes near the key, although seven near itself answered at once', async () => {
    const { live } = await networkForTest({ live: 12, delayMs: 350 });
    for (const each of live) each.held = item(20);
    const near = await Promise.all(Array.from({ length: 7 }, () => nodeForTest(honest(() => live))));
    expect((await timedWalk(near)).newest?.seq).toBe(20);
  });

  test('does not wait for a dead bootstrap node once 8 nodes answered', async () => {
    const { bootstrap } = await networkForTest({ live: 20 });
    const dead = await nodeForTest(() => null);
    expect((await timedWalk([dead, ...bootstrap])).milliseconds).toBeLessThan(700);
  });

  test('waits for bootstrap nodes that are far away as long as nothing else answered', async () => {
    const { live } = await networkForTest({ live: 12, delayMs: 0 });
    const far = await nodeForTest((query, self) => honest(() => live)(query, self), { delayMs: 900 });
    expect((await timedWalk([far])).nodes.length).toBeGreaterThanOrEqual(8);
  });

  test.each([
    ['the only bootstrap node', (near: SimulatedNode) => [near]],
    ['one of three', (near: SimulatedNode, live: SimulatedNode[]) => [near, ...live.slice(0, 2)]],
  ])('waits for the closest node, though it is %s and slower than all others', async (_which, rootsOf) => {
    // All others are done after some milliseconds, and the walk waits 80 ms: the rest is for a busy machine.
    const { live } = await networkForTest({ live: 20 });
    const near = await nodeForTest(
      honest(() => live),
      { id: idAt(1), delayMs: 30 },
    );
    near.held = item(20);
    for (const each of live) each.answer = honest(() => [near, ...live]);
    const starts = live.slice(0, 12);
    expect((await timedWalk(rootsOf(near, live), { starts })).newest?.seq).toBe(20);
    expect(near.queries.filter(({ name }) => name === 'get')).toHaveLength(1);
  });

  test.each([false, true])(
    'is led on by a node that knows other nodes, and not what is stored; silent lately: %s',
    async (lately) => {
      const { live } = await networkForTest({ live: 20 });
      for (const each of byDistance(live, target).slice(0, 8)) each.held = item(20);
      const old = await nodeForTest((query, self) =>
        query.name === 'get' ? { e: [204, 'Method Unknown'] } : honest(() => live)(query, self),
      );
      const wasSilent = ({ port }: { port: number }) => lately && port === old.port;
      expect((await timedWalk([old], { wasSilent })).newest?.seq).toBe(20);
    },
  );

  test('tells where none of the closest nodes that others name replied, and leaves out those that only we know of', async () => {
    const { live } = await networkForTest({ live: 5 });
    const gone = await Promise.all(Array.from({ length: 16 }, (_, i) => nodeForTest(() => null, { id: idAt(i + 1) })));
    expect(await timedWalk(live, { starts: gone })).toMatchObject({ closestUnreachable: false, answered: 5 });
    for (const each of live) each.answer = honest(() => gone);
    expect(await timedWalk(live, { starts: gone })).toMatchObject({ closestUnreachable: true, answered: 5 });
    // One reply among the eight closest is enough.
    for (const each of live) each.answer = honest(() => gone.slice(0, 7));
    expect(await timedWalk(live)).toMatchObject({ closestUnreachable: false, answered: 5 });
  });

  test('starts from known nodes, too', async () => {
    const { live } = await networkForTest({ live: 20 });
    const result = await timedWalk([], { starts: live.slice(5, 6) });
    expect(result.nodes.length).toBeGreaterThanOrEqual(8);
  });

  test('asks a node that was silent lately, and does not wait for it; its answer counts', async () => {
    const { live } = await networkForTest({ live: 12 });
    const silent = await nodeForTest(() => null, { id: idAt(1) });
    let slowMs = 400;
    const slow = await nodeForTest(
      honest(() => []),
      { id: idAt(2), delayMs: () => slowMs },
    );
    slow.held = item(20);
    for (const each of live) each.answer = honest(() => [silent, slow, ...live]);
    const lately = [silent.port, slow.port];
    const wasSilent = ({ port }: { port: number }) => lately.includes(port);
    const fast = await timedWalk(live.slice(0, 3), { wasSilent });
    expect(fast).toMatchObject({ complete: true, newest: null });
    expect(fast.milliseconds).toBeLessThan(slowMs);
    expect([silent, slow].map(({ queries }) => queries.length > 0)).toEqual([true, true]);
    // Waiting for another node, 80 ms, gives the slow one time to answer.
    slowMs = 20;
    const other = await nodeForTest(() => null, { id: idAt(3) });
    for (const each of live) each.answer = honest(() => [silent, slow, other, ...live]);
    expect((await timedWalk(live.slice(0, 3), { wasSilent })).newest?.seq).toBe(20);
  });

  test.each(['query', 'answer'])(
    'finds a packet on a node whose first %s was lost, where fewer than 8 answer',
    async (lost) => {
      let arrived = 0;
      const delayMs = () => {
        arrived += 1;
        return arrived === 1 && lost === 'query' ? null : 0;
      };
      const answer: SimulatedNode['answer'] = (query, self) =>
        arrived === 1 && lost === 'answer' ? null : honest(() => [])(query, self);
      const holder = await nodeForTest(answer, { delayMs });
      holder.held = item(20);
      const dead = await nodeForTest(() => null);
      const root = await nodeForTest(honest(() => [holder, dead]));
      expect((await timedWalk([root])).newest?.seq).toBe(20);
      // And no node is asked more than twice.
      expect(dead.queries).toHaveLength(2);
    },
  );

  test('finds the newest packet where 3 % of all datagrams are lost each way, and closer nodes hold an old one', async () => {
    const { live, bootstrap } = await networkForTest({ live: 60, delayMs: 10, loss: 0.03, seed: 5 });
    let lost = 0;
    for (let number = 1; number <= 8; number += 1) {
      const { publicKey, target, item } = testKey(number);
      for (const each of live) each.queries.length = 0;
      for (const [rank, each] of byDistance(live, target).entries())
        each.held = rank < 8 ? item(rank < 4 ? 10 : 20) : null;
      const fresh = closedAfterTest(new Rpc());
      const { newest, asked } = await timedWalk(bootstrap, { rpc: fresh, publicKey });
      expect(newest?.seq).toBe(20);
      lost += asked - live.filter(({ queries }) => queries.some(({ name }) => name === 'get')).length;
    }
    expect(lost).toBeGreaterThan(0);
  });

  test('asks 14 nodes at once, and not one more before another has answered', async () => {
    const delayMs = 300;
    const { live } = await networkForTest({ live: 60, delayMs });
    const out = new Map<SimulatedNode, number>();
    let most = 0;
    for (const each of live) {
      const { answer } = each;
      each.answer = (query, self) => {
        out.set(self, (out.get(self) ?? 0) + 1);
        most = Math.max(most, [...out.values()].filter((count) => count > 0).length);
        // This timer starts before the answer's delay, so it ends no later than that.
        setTimeout(() => out.set(self, (out.get(self) ?? 0) - 1), delayMs);
        return answer(query, self);
      };
    }
    // Starts with all nodes, so that there is always another one to ask.
    await timedWalk([], { starts: live });
    expect(most).toBe(14);
  });

  test('ends when the signal is aborted, with what it has', async () => {
    const silent = await nodeForTest(() => null);
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 50);
    const result = await timedWalk([silent], { signal: abort.signal });
    expect(result).toMatchObject({ complete: false, asked: 1, answered: 0 });
    expect(result.milliseconds).toBeLessThan(500);
    expect(await timedWalk([silent], { signal: abort.signal })).toMatchObject({ complete: false });
  });

  test('calls nobody and asks nobody for an answer that comes after its end', async () => {
    const abort = new AbortController();
    const other = await nodeForTest(() => null);
    const holder = await nodeForTest(
      (_, self) => {
        abort.abort();
        return { r: { id: self.id, nodes: compact([other]), ...carrying(item(20)) } };
      },
      { delayMs: 20 },
    );
    let calls = 0;
    const onFirst = () => {
      calls += 1;
    };
    expect(await timedWalk([holder], { signal: abort.signal, onFirst })).toMatchObject({
      complete: false,
      newest: null,
    });
    await asLateAs(holder);
    expect(calls).toBe(0);
    expect(other.queries).toEqual([]);
  });

  test('asks nobody whom the answer names that made its caller end it', async () => {
    const abort = new AbortController();
    const other = await nodeForTest(() => null);
    const holder = await nodeForTest((_, self) => ({
      r: { id: self.id, nodes: compact([other]), ...carrying(item(20)) },
    }));
    const onFirst = () => abort.abort();
    const result = await timedWalk([holder], { signal: abort.signal, onFirst });
    expect(result).toMatchObject({ complete: false, newest: { seq: 20 } });
    await asLateAs(holder);
    await asLateAs(holder);
    expect(other.queries).toEqual([]);
  });

  test.each<[string, (mute: SimulatedNode) => Promise<SimulatedNode>, number, boolean]>([
    ['just now', async (mute) => mute, 1, false],
    // Of few nodes those that are late are asked again before their time is up.
    ['just now, and a moment before', (mute) => nodeForTest(honest(() => [mute])), 2, false],
    // A bootstrap node is asked again after 0.5 s, when its time is up.
    ['just now, and half a second before', async (mute) => mute, 2, true],
  ])(
    'that ends when a node was asked %s counts it as silent only if its time is up',
    async (_when, rootOf, queries, isSilent) => {
      const abort = new AbortController();
      const mute = await nodeForTest((_, self) => {
        if (self.queries.length === queries) abort.abort();
        return null;
      });
      const { silent } = await timedWalk([await rootOf(mute)], { signal: abort.signal });
      expect(silent).toEqual(isSilent ? [addressOf(mute)] : []);
    },
  );

  test('counts nobody as silent who was not asked', async () => {
    const { live } = await networkForTest({ live: 40 });
    const { silent, unheard } = await timedWalk([], { starts: live });
    const unasked = live.filter(({ queries }) => queries.length === 0).map(keyOf);
    const among = (nodes: readonly Address[]) => nodes.filter((node) => unasked.includes(keyOf(node)));
    expect(among(unheard)).not.toEqual([]);
    expect(among(silent)).toEqual([]);
  });

  test('lets go of the bootstrap nodes and of the signal when it ends', async () => {
    const { bootstrap: nodes } = await networkForTest({ live: 12 });
    const { signal } = new AbortController();
    const listeners = new Set<unknown>();
    const resolved = resolveBootstrap(nodes, new AbortController().signal);
    const bootstrap: Bootstrap = {
      ...resolved,
      each: (found) => {
        const stop = resolved.each(found);
        listeners.add(found);
        return () => {
          listeners.delete(found);
          stop();
        };
      },
    };
    const done = timedWalk([], { bootstrap, signal });
    expect([listeners.size, getEventListeners(signal, 'abort').length]).toEqual([1, 1]);
    await done;
    expect([listeners.size, getEventListeners(signal, 'abort').length]).toEqual([0, 0]);
  });

  test.each<[string, (node: SimulatedNode) => Partial<WalkOptions>, (node: SimulatedNode) => NodeAddress[]]>([
    ['known nodes', (node) => ({ starts: [node] }), () => []],
    ['a bootstrap node', () => ({}), (node) => [node]],
  ])('asks %s at once, while the names of others are still looked up', async (_which, more, found) => {
    const asked: SimulatedNode = await nodeForTest(() => ({ r: { id: asked.id } }));
    const bootstrap: Bootstrap = {
      addresses: [],
      unresolved: [],
      misleading: [],
      each: (listener) => {
        // Later than the first step, which finds nobody to ask.
        const timer = setTimeout(() => found(asked).forEach(listener), 50);
        return () => clearTimeout(timer);
      },
      // The look-up ends only after the query has come.
      done: new Promise((resolve) => {
        const { answer } = asked;
        asked.answer = (query, self) => {
          resolve();
          return answer(query, self);
        };
      }),
    };
    // Otherwise it would wait for ever.
    const signal = AbortSignal.timeout(3000);
    const result = await timedWalk([], { bootstrap, signal, ...more(asked) });
    expect(result).toMatchObject({ complete: true, answered: 1 });
  });

  test('waits for names alone without a warning', async () => {
    const warnings: Error[] = [];
    const note = (warning: Error) => warnings.push(warning);
    process.on('warning', note);
    onTestFinished(() => void process.off('warning', note));
    const done = new Promise<void>((resolve) => setTimeout(resolve, 50));
    const bootstrap: Bootstrap = { addresses: [], unresolved: [], misleading: [], each: () => () => {}, done };
    expect(await timedWalk([], { bootstrap })).toMatchObject({ complete: true, asked: 0 });
    expect(warnings).toEqual([]);
  });

  test('does not end with seven replies: the eighth closest node counts', async () => {
    const near: SimulatedNode[] = [];
    const eighth = await nodeForTest(
      honest(() => []),
      { id: idAt(8), delayMs: 150 },
    );
    eighth.held = item(20);
    const answer = honest(() => [...near, eighth]);
    for (let i = 0; i < 7; i += 1) near.push(await nodeForTest(answer, { id: idAt(i + 1) }));
    expect((await timedWalk(near.slice(0, 1))).newest?.seq).toBe(20);
  });

  test('once a value came alone, is led on by nodes whose answer to the look-up itself is lost', async () => {
    const holder = await nodeForTest(
      honest(() => []),
      { id: idAt(1) },
    );
    holder.held = item(20);
    const lossy = await nodeForTest((query, self) =>
      query.name === 'get' ? null : honest(() => [holder])(query, self),
    );
    const root = await nodeForTest(honest(() => [lossy]));
    root.held = item(10);
    expect((await timedWalk([root])).newest?.seq).toBe(20);
    // And none is asked for nodes near the key twice, though its own value comes alone, too.
    const named = [root, lossy, holder].map(({ queries }) => queries.filter(({ name }) => name === 'find_node'));
    expect(named.map((queries) => queries.filter(isOurs).length)).toEqual([1, 1, 1]);
  });

  test.each<[string, (other: SimulatedNode) => { [key: string]: Encodable }]>([
    ['a value and nodes', (other) => ({ nodes: compact([other]), ...carrying(item(20)) })],
    ['a value that nobody signed', () => carrying({ ...item(20), value: Buffer.from('forged') })],
    ['neither', () => ({})],
  ])('does not ask again, for nodes alone, who gave %s', async (_what, body) => {
    const other = await nodeForTest(honest(() => []));
    const root = await nodeForTest((_, { id }) => ({ r: { id, ...body(other) } }));
    expect(await timedWalk([root, other])).toMatchObject({ answered: 2 });
    for (const { queries } of [root, other]) expect(queries.filter(isOurs).map(({ name }) => name)).toEqual(['get']);
  });

  test('counts a bootstrap node among those that replied only if it did, not if others name it or it refuses', async () => {
    const silent = await nodeForTest(() => null);
    const refusing = await nodeForTest(() => ({ e: [204, 'no'] }));
    const root = await nodeForTest(honest(() => [silent, refusing]));
    expect(await timedWalk([root, silent, refusing])).toMatchObject({ answered: 2, repliedBootstrapNodes: 1 });
  });

  test.each<[string, SimulatedNode['answer'], boolean]>([
    ['are silent as well, it takes the link for down', () => null, true],
    ['answer again, it takes only the closest for gone', (_, { id }) => ({ r: { id, token: 'later' } }), false],
  ])('where the closest are silent and those that answered %s', async (_what, again, isDown) => {
    const gone = await Promise.all(Array.from({ length: 8 }, (_, i) => nodeForTest(() => null, { id: idAt(i + 1) })));
    let asked = 0;
    const once: SimulatedNode['answer'] = (query, self) => {
      if (self.queries.length > 1) return again(query, self);
      asked += 1;
      // The last one names the closest, so that these are asked when all others have answered.
      return honest(() => (asked === 8 ? gone : []))(query, self);
    };
    // Eight are enough, if they are still there.
    const live = await Promise.all(Array.from({ length: 8 }, () => nodeForTest(once)));
    const result = await timedWalk(live);
    expect(result).toMatchObject({ closestUnreachable: isDown, answered: 8 });
    expect(result.silent).toEqual(gone.map(addressOf));
    // The token that a node sent last is the one that it still takes.
    const tokens = result.nodes.map(({ token }) => Buffer.from(token ?? []).toString());
    expect(tokens.includes('later')).toBe(!isDown);
    // Those that were asked only after the last answer may be well.
    expect(result.gone).toEqual(isDown ? [] : gone.map(addressOf));
  });

  test('gives the nodes that did not reply, closest first, and knows as gone who was asked before the last answer', async () => {
    const gone = await Promise.all([3, 1, 2].map((distance) => nodeForTest(() => null, { id: idAt(distance) })));
    const root = await nodeForTest(honest(() => gone));
    const { unheard, ...result } = await timedWalk([root]);
    expect(unheard.map(addressOf)).toEqual(byDistance(gone, target).map(addressOf));
    // All were asked again after it.
    expect(gone.map(({ queries }) => queries.length)).toEqual([2, 2, 2]);
    expect(new Set(result.gone.map(({ port }) => port))).toEqual(new Set(gone.map(({ port }) => port)));
  });

  test('asks a bootstrap node once, though two names lead to it', async () => {
    const root = await nodeForTest(
      honest(() => []),
      { delayMs: 150 },
    );
    const bootstrap: WalkOptions['bootstrap'] = {
      addresses: [],
      unresolved: [],
      misleading: [],
      each: (found) => {
        found(root);
        const timer = setTimeout(found, 60, root);
        return () => clearTimeout(timer);
      },
      done: new Promise((resolve) => setTimeout(resolve, 100)),
    };
    expect(await timedWalk([], { bootstrap })).toMatchObject({ asked: 1, answered: 1 });
    expect(root.queries.filter(({ name }) => name === 'get')).toHaveLength(1);
  });

  test('ends at once where nobody is known', async () => {
    expect(await timedWalk([])).toMatchObject({ complete: true, asked: 0, nodes: [] });
  });
});

describe('a wider walk', () => {
  const replied = ({ id, host, port }: SimulatedNode, held: MutableItem | null = null) => {
    return { id, host, port, token: null, item: held };
  };

  test('asks those that the earlier walk knew and did not need to ask', async () => {
    const root = await nodeForTest(honest(() => []));
    const holder = await nodeForTest(honest(() => []));
    holder.held = item(20);
    expect(await wider({ nodes: [replied(root)], unheard: [holder] })).toMatchObject({ newest: { seq: 20 } });
    expect(root.queries.filter(({ name }) => name === 'get')).toEqual([]);
  });

  test('knows what the earlier walk found', async () => {
    const [one, two] = await Promise.all([1, 2].map(() => nodeForTest(honest(() => []))));
    const nodes = [replied(one as SimulatedNode, item(20, 'one')), replied(two as SimulatedNode, item(20, 'two'))];
    expect(await wider({ nodes })).toMatchObject({ newest: { seq: 20 }, conflict: true });
  });

  test.each([
    ['in the earlier walk', true, false],
    ['lately', false, true],
  ])('does not wait for a node that was silent %s', async (_when, before, lately) => {
    const slow = await nodeForTest(
      honest(() => []),
      { id: idAt(1), delayMs: 250 },
    );
    const root = await nodeForTest(honest(() => [slow]));
    const wasSilent = ({ port }: { port: number }) => lately && port === slow.port;
    const from = { nodes: [replied(root)], unheard: [slow], silent: before ? [slow] : [] };
    const { nodes, complete } = await wider(from, { wasSilent });
    expect(complete).toBe(true);
    expect(nodes.map(({ port }) => port)).toEqual([root.port]);
    expect(slow.queries).not.toEqual([]);
  });
});

describe('hostile nodes close to the key', () => {
  test('that answer under another id than they were named by stand where their own id says', async () => {
    const { live, bootstrap } = await networkForTest({ live: 20 });
    const other = await nodeForTest((_, self) => ({ r: { id: self.id } }), { id: idAt(200) });
    for (const each of live) each.answer = honest(() => [{ ...other, id: idAt(2) }, ...live]);
    const { nodes } = await timedWalk(bootstrap);
    expect(Uint8Array.from(nodes.find(({ port }) => port === other.port)?.id ?? [])).toEqual(other.id);
  });

  test.each([
    ['that its key did not sign', { ...item(20), value: Buffer.from('forged') }],
    ['that another key signed', testKey(8).item(20)],
  ])('that give a value %s count as holding none', async (_what, held) => {
    const hostile = await nodeForTest((_, { id }) => ({ r: { id, ...carrying(held) } }), { id: idAt(1) });
    const { newest, nodes } = await timedWalk([hostile]);
    expect(newest).toBeNull();
    expect(nodes.map(({ port, item }) => [port, item])).toEqual([[hostile.port, null]]);
  });

  test.each([
    ['close', (i: number) => idAt(i + 2)],
    ['far off', (i: number) => idAt(0).map((byte, at) => (at === 0 ? byte ^ 0xff : byte ^ i))],
  ])('that name the holders of an item under wrong ids, %s, do not hide it', async (_where, wrongId) => {
    const { live } = await networkForTest({ live: 60 });
    const ordered = byDistance(live, target);
    const holders = ordered.slice(0, 8);
    for (const each of holders) each.held = item(20);
    const hostile = await nodeForTest(
      (_, self) => ({ r: { id: self.id, nodes: compact(holders.map((each, i) => ({ ...each, id: wrongId(i) }))) } }),
      { id: idAt(1) },
    );
    const honestStarts = ordered.slice(40, 43);
    expect((await timedWalk([hostile, ...honestStarts])).newest?.seq).toBe(20);
  });

  test('can not lead the walk on for ever', async () => {
    // Twenty nodes, each naming thirty more that are closer to the key but do not exist.
    let named = 0;
    const nowhere = () => {
      named += 1;
      return { id: idAt(1), host: '127.0.0.1', port: named };
    };
    const hostile: SimulatedNode[] = [];
    const answer: SimulatedNode['answer'] = (_, self) => ({
      r: { id: self.id, nodes: compact(Array.from({ length: 30 }, nowhere)) },
    });
    for (let i = 0; i < 20; i += 1) hostile.push(await nodeForTest(answer, { id: idAt(i + 2) }));
    const result = await timedWalk(hostile);
    // All twenty once, and six again to see whether the link is still up, as none of the closest replied.
    expect(named).toBe(780);
    expect(result).toMatchObject({ complete: true, answered: 20 });
    expect(result.asked).toBeLessThan(512);
    expect(result.milliseconds).toBeLessThan(4000);
  });

  test('that all answer, each leading to closer ones, are asked 512 times at the most', async () => {
    // Each names the next 14. Nodes are skipped once ten answers are expected of closer ones: about one in
    // four is.
    const nodes: SimulatedNode[] = [];
    for (let i = 0; i < 720; i += 1) {
      const answer: SimulatedNode['answer'] = (_, { id }) => ({
        r: { id, nodes: compact(nodes.slice(i + 1, i + 15)) },
      });
      nodes.push(await nodeForTest(answer, { id: idAt(720 - i) }));
    }
    const { asked } = await timedWalk(nodes.slice(0, 1));
    expect(asked).toBe(512);
    expect(nodes.filter(({ queries }) => queries.some(isOurs)).length).toBeLessThanOrEqual(512);
  });
});
