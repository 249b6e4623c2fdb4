import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { asBytes, asDictionary, asText, type Bencoded, decode } from '../../src/dht/bencode.ts';
import type { Address, ErrorReply, Query, Reply } from '../../src/dht/krpc.ts';
import type { MutableItem } from '../../src/dht/mutable-item.ts';
import { Rpc } from '../../src/dht/rpc.ts';
import { Store, type StoreOptions, type StoreReport } from '../../src/dht/store.ts';
import type { AnsweredNode } from '../../src/dht/walk.ts';
import { clientForTest, closedAfterTest, networkForTest, nodeForTest } from '../support/closed-after-test.ts';
import { byDistance, carrying, type SimulatedNode } from '../support/simulated-node.ts';
import { testKey } from '../support/test-key.ts';

const { publicKey, target, item } = testKey(7);
const text = (packet: MutableItem | null) => packet && Buffer.from(packet.value).toString();
const TOKEN = Buffer.from('token');
/** A list of this length. */
const ofLength = (length: number) => expect.objectContaining({ length });

/** Honest nodes, the closest to the key first. */
async function nodes(live: number): Promise<SimulatedNode[]> {
  return byDistance((await networkForTest({ live })).live, target);
}

/** Replaces a node's answers to puts. */
function answerPuts(node: SimulatedNode, said: SimulatedNode['answer']): void {
  const { answer } = node;
  node.answer = (query, self) => (query.name === 'put' ? said : answer)(query, self);
}

/** A node that takes every packet, and gives it to everybody. */
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
  const rpc = closedAfterTest(new Rpc());
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
    expect(await clientForTest(all).put(item(5))).toMatchObject({ holders: 8, refusal: `${code} ${message}` });
  });

  test('by a node that is late with its answer to the put, where fewer than 3 others hold it', async () => {
    // As long as no round trip is known, a put is waited for 0.8 s. Only the first two answers are late.
    const delays = [1300, 1300];
    const late = await nodeForTest(taking, { delayMs: () => delays.shift() ?? 0 });
    const store = storeOn([late, await nodeForTest(taking), await nodeForTest(taking)]);
    expect(await store.enough).toMatchObject({ holders: 3, tried: 3, answered: 3 });
  });

  test('by a node to which the first put was lost', async () => {
    let arrived = 0;
    const lossy = await nodeForTest(taking, { delayMs: () => (arrived++ === 0 ? null : 0) });
    const store = storeOn([lossy, await nodeForTest(taking), await nodeForTest(taking)]);
    expect(await store.settled).toMatchObject({ holders: 3 });
    expect(lossy.queries.filter(({ name }) => name === 'put')).toHaveLength(1);
  });

  test('not by a node that gives an older one back, which is asked twice, and told', async () => {
    const stubborn = await nodeForTest((query, self) =>
      query.name === 'put' ? { r: { id: self.id } } : taking(query, self),
    );
    stubborn.held = item(1);
    const store = storeOn([stubborn, ...(await Promise.all([1, 2, 3].map(() => nodeForTest(taking))))], { base: 1 });
    expect(await store.settled).toMatchObject({ holders: 3, older: ofLength(1), overtakenBy: null });
    expect(stubborn.queries.filter(({ name }) => name === 'put')).toHaveLength(2);
  });
});

describe('a packet is put', () => {
  test('to the 20 closest and to all further off that hold another one, 40 in all at the most', async () => {
    const all = await Promise.all(Array.from({ length: 60 }, () => nodeForTest(taking)));
    for (const each of all.slice(25)) each.held = item(1);
    expect((await storeOn(all, { base: 1 }).settled).tried).toBe(40);
    const reached = all.map(({ queries }) => queries.some(({ name }) => name === 'put'));
    expect(reached).toEqual(all.map((_, rank) => rank < 20 || (rank >= 25 && rank < 45)));
  });

  test('and those beyond the 40 that hold an older one are told of', async () => {
    const all = await Promise.all(Array.from({ length: 60 }, () => nodeForTest(taking)));
    for (const each of all.slice(25)) each.held = item(1);
    expect((await storeOn(all, { base: 1 }).settled).older).toHaveLength(15);
  });

  test('and that is enough with 8 nodes, while the others are waited for 400 ms at the most', async () => {
    const quick = await Promise.all(Array.from({ length: 8 }, () => nodeForTest(taking)));
    const slow = await Promise.all(Array.from({ length: 4 }, () => nodeForTest(taking, { delayMs: 5000 })));
    const began = performance.now();
    const store = storeOn([...slow, ...quick]);
    expect(await store.enough).toMatchObject({ holders: 8, tried: 12 });
    expect(performance.now() - began).toBeLessThan(200);
    const enoughAt = performance.now();
    expect(await store.settled).toMatchObject({ holders: 8 });
    // Twice the limit of 80 ms ends this sooner. The 400 ms matter where answers generally take that long.
    expect(performance.now() - enoughAt).toBeLessThan(450);
  });

  test('and all that hold it in time are counted in the end', async () => {
    const quick = await Promise.all(Array.from({ length: 9 }, () => nodeForTest(taking)));
    const slower = await Promise.all(Array.from({ length: 5 }, () => nodeForTest(taking, { delayMs: 60 })));
    const store = storeOn([...slower, ...quick]);
    expect((await store.enough).holders).toBeLessThan(14);
    expect(await store.settled).toMatchObject({ holders: 14, answered: 14, older: ofLength(0) });
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
  const one = await nodeForTest(locking);
  one.held = item(4);
  expect(await storeOn([one], { base: 4, condition: 'unchanged' }).settled).toMatchObject({ holders: 1 });
  expect(lock).toBe(0);
  expect(await storeOn([one], { base: 5, item: item(6) }).settled).toMatchObject({ holders: 1, refusal: null });
});

describe('somebody who was quicker', () => {
  test('ends the work, also where his packet has a lower number than ours', async () => {
    const all = await Promise.all(Array.from({ length: 5 }, () => nodeForTest(taking)));
    const [first] = all as [SimulatedNode];
    first.held = item(4);
    const report = await storeOn(all, { base: 3 }).enough;
    expect(report.overtakenBy?.seq).toBe(4);
  });

  test('is met on a node that takes no put, further off than a look-up goes', async () => {
    const all = await nodes(40);
    const dht = clientForTest(all.slice(0, 3));
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
    const all = await Promise.all(Array.from({ length: 10 }, () => nodeForTest(taking)));
    for (const each of all) each.held = item(1);
    const later = all.map(asReplied);
    for (const each of all) each.held = item(4);
    const { signal } = new AbortController();
    const rpc = closedAfterTest(new Rpc());
    const store = new Store({ rpc, id: new Uint8Array(20), item: item(5), condition: 'older', signal, ...contested });
    store.consider(later);
    store.endOfNodes();
    expect((await store.settled).overtakenBy?.seq).toBe(4);
    expect(all.flatMap(({ queries }) => queries).filter(({ name }) => name === 'put')).toEqual([]);
  });

  test('the one that came first sees the other, when it looks once more', async () => {
    const all = await Promise.all(Array.from({ length: 10 }, () => nodeForTest(taking)));
    const store = storeOn(all, contested);
    expect(await store.enough).toMatchObject({ overtakenBy: null });
    for (const each of all) each.held = item(6);
    expect((await store.settled).overtakenBy?.seq).toBe(6);
  });

  test('one alone looks once more as well, and finds its own', async () => {
    const all = await Promise.all(Array.from({ length: 4 }, () => nodeForTest(taking)));
    expect(await storeOn(all, contested).settled).toMatchObject({ holders: 4, overtakenBy: null });
    expect(all.map(({ queries }) => queries.map(({ name }) => name))).toEqual(
      all.map(() => ['get', 'put', 'get', 'get']),
    );
  });
});

/** What a node without a socket says to one query, after so many milliseconds; null for nothing. */
type Line = { readonly afterMs: number; readonly answer: Partial<Reply> | [number, string] | 'unsent' } | null;

/** A node without a socket that answers by the test's clock. */
interface StagedNode extends AnsweredNode {
  /** What it was asked, and when. */
  readonly queries: {
    readonly name: string;
    readonly atMs: number;
    readonly parameters: ReadonlyMap<string, Bencoded>;
  }[];
  held: MutableItem | null;
  says: (name: string, node: StagedNode) => Line;
}

const OURS = item(5);
/** How long a staged node takes to answer, and how long it is waited for. */
const AFTER_MS = 10;
const LIMITS = { holdMs: 100, likelyMs: 40 };
/** When a node's time is over: one turn later, which takes 1 ms on this clock. */
const OVER_MS = LIMITS.holdMs + 1;

const gives = (node: StagedNode, afterMs = AFTER_MS): Line => ({ afterMs, answer: { token: TOKEN, item: node.held } });
const accepts: Line = { afterMs: AFTER_MS, answer: {} };

/** Takes every packet after so many milliseconds, and gives it back. */
const takes =
  (afterMs = AFTER_MS): StagedNode['says'] =>
  (name, node) => {
    if (name === 'get') return gives(node, afterMs);
    node.held = OURS;
    return { afterMs, answer: {} };
  };

/** Claims to take a packet, but gives what it held before. */
const forgets: StagedNode['says'] = (name, node) => (name === 'get' ? gives(node) : accepts);

/** Answers the queries with these lines in turn, and then with the last one again and again. */
const inTurn = (...lines: StagedNode['says'][]): StagedNode['says'] => {
  let turn = 0;
  return (name, node) => {
    const line = lines[Math.min(turn, lines.length - 1)] ?? takes();
    turn += 1;
    return line(name, node);
  };
};

const isSilent: StagedNode['says'] = () => null;

let ports = 0;
function staged(says: StagedNode['says'] = takes(), more: Partial<AnsweredNode> = {}): StagedNode {
  ports += 1;
  const address = { id: new Uint8Array(20), host: '127.0.0.1', port: ports };
  return { ...address, token: TOKEN, item: null, ...more, queries: [], held: more.item ?? null, says };
}

const several = (count: number, says?: () => StagedNode['says']) =>
  Array.from({ length: count }, () => staged(says?.() ?? takes()));

const namesOf = ({ queries }: StagedNode) => queries.map(({ name }) => name);
const putsTo = (node: StagedNode) => node.queries.filter(({ name }) => name === 'put');
const isAsked = ({ queries }: StagedNode) => queries.length > 0;

/** Leads to staged nodes, and gives up after 3 s, as `Rpc` does. */
class StagedRpc extends Rpc {
  private readonly nodes: readonly StagedNode[];
  private readonly holdMs: number;

  constructor(nodes: readonly StagedNode[], holdMs = LIMITS.holdMs) {
    super();
    this.nodes = nodes;
    this.holdMs = holdMs;
  }

  override limits() {
    return { ...LIMITS, holdMs: this.holdMs };
  }

  override request(to: Address, query: Query, onSent?: () => void): ReturnType<Rpc['request']> {
    const node = this.nodes.find(({ port }) => port === to.port) as StagedNode;
    const message = asDictionary(decode(query(new Uint8Array(4))));
    const name = asText(message?.get('q')) ?? '';
    const parameters = asDictionary(message?.get('a')) ?? new Map<string, Bencoded>();
    node.queries.push({ name, atMs: performance.now(), parameters });
    const said = node.says(name, node);
    if (said?.answer === 'unsent') return Promise.resolve('unsent');
    onSent?.();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, 3000, 'silent');
      if (said === null) return;
      setTimeout(() => {
        clearTimeout(timer);
        resolve(answerOf(said.answer));
      }, said.afterMs);
    });
  }
}

function answerOf(answer: Partial<Reply> | [number, string] | 'unsent'): Reply | ErrorReply | 'unsent' {
  const transaction = new Uint8Array(4);
  if (answer === 'unsent') return answer;
  if (Array.isArray(answer)) return { kind: 'error', transaction, code: answer[0], message: answer[1] };
  return { kind: 'reply', transaction, id: new Uint8Array(20), nodes: [], token: null, item: null, ...answer };
}

/** The reports of a put, and when they came. */
interface Outcome {
  enough?: StoreReport & { readonly atMs: number };
  settled?: StoreReport & { readonly atMs: number };
}

/** Puts `OURS` to staged nodes; `all` are those that it may be put to later. */
function stage(
  nodes: readonly StagedNode[],
  options: Partial<StoreOptions> = {},
  all = nodes,
): { readonly store: Store; readonly outcome: Outcome } {
  const { signal } = new AbortController();
  const basics = { id: new Uint8Array(20), item: OURS, base: -1, condition: 'older', isContested: false } as const;
  const store = new Store({ rpc: new StagedRpc(all), ...basics, signal, ...options });
  const outcome: Outcome = {};
  const began = performance.now();
  const timed = (report: StoreReport) => ({ ...report, atMs: performance.now() - began });
  void store.enough.then((report) => Object.assign(outcome, { enough: timed(report) }));
  void store.settled.then((report) => Object.assign(outcome, { settled: timed(report) }));
  store.consider(nodes);
  return { store, outcome };
}

/** Puts `OURS` to staged nodes and no others, and lets the clock run for `ms`. */
async function play(nodes: readonly StagedNode[], options: Partial<StoreOptions> = {}, ms = 10_000): Promise<Outcome> {
  const { store, outcome } = stage(nodes, options);
  store.endOfNodes();
  await vi.advanceTimersByTimeAsync(ms);
  return outcome;
}

describe('on a clock of its own', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  describe('a packet is put', () => {
    test('to the 12 closest at once, and to the 20 closest half of the time later that is given to the rest', async () => {
      const nodes = several(30);
      const { outcome } = stage(nodes);
      await vi.advanceTimersByTimeAsync(1000);
      expect(outcome.enough).toMatchObject({ holders: 8, tried: 12, atMs: 2 * AFTER_MS });
      expect(outcome.settled).toMatchObject({ holders: 20, tried: 20, atMs: expect.closeTo(2 * AFTER_MS + 400, -1) });
      expect(nodes.map(isAsked)).toEqual(nodes.map((_, rank) => rank < 20));
      const later = nodes
        .slice(12, 20)
        .map(({ queries }) => (queries[0]?.atMs ?? 0) - (nodes[0]?.queries[0]?.atMs ?? 0));
      expect(later).toEqual(later.map(() => 2 * AFTER_MS + 200));
    });

    test('to the 20 closest at once where no more are to come', async () => {
      expect((await play(several(30))).enough).toMatchObject({ holders: 8, tried: 20, atMs: 2 * AFTER_MS });
    });

    test('to others in the place of those that gave no token, and those of them that hold an older one are told of', async () => {
      const none = [null, item(1), item(1), OURS].map((held) => staged(takes(), { token: null, item: held }));
      const nodes = [...none, ...several(25)];
      expect((await play(nodes, { base: 1 })).settled).toMatchObject({ tried: 20, holders: 20, older: ofLength(2) });
      expect(nodes.map(isAsked)).toEqual(nodes.map((_, rank) => rank >= 4 && rank < 24));
    });

    test('to the closest first, and to 40 in all at the most', async () => {
      const nodes = [...several(12), ...Array.from({ length: 48 }, () => staged(takes(), { item: item(1) }))];
      expect((await play(nodes, { base: 1 })).settled).toMatchObject({ tried: 40, holders: 40, older: ofLength(20) });
      expect(nodes.map(isAsked)).toEqual(nodes.map((_, rank) => rank < 40));
    });

    test('to nobody further off who holds this very packet', async () => {
      const nodes = [...several(20), staged(takes(), { item: OURS })];
      expect((await play(nodes)).settled).toMatchObject({ tried: 20, holders: 20, older: ofLength(0) });
    });

    test('also to those who gave this very packet before: they may have forgotten it', async () => {
      const keeps = staged(takes(), { item: OURS });
      const forgot = staged(forgets, { item: OURS });
      forgot.held = null;
      expect((await play([keeps, forgot])).settled).toMatchObject({ tried: 2, holders: 1, older: ofLength(0) });
      expect([keeps, forgot].map((node) => putsTo(node).length)).toEqual([1, 2]);
      expect((await play([staged(isSilent, { item: OURS })])).settled).toMatchObject({ tried: 1, holders: 0 });
    });

    test('once to each node, however often it is considered', async () => {
      const nodes = several(5);
      const { store, outcome } = stage(nodes.slice(0, 3), {}, nodes);
      store.consider(nodes);
      await vi.advanceTimersByTimeAsync(50);
      store.consider(nodes);
      expect(outcome.settled).toBeUndefined();
      store.endOfNodes();
      await vi.advanceTimersByTimeAsync(0);
      expect(outcome.settled).toMatchObject({ tried: 5, holders: 5 });
      expect(nodes.map(namesOf)).toEqual(nodes.map(() => ['put', 'get']));
    });

    test('to nobody more once all is known', async () => {
      const nodes = several(5);
      const { store, outcome } = stage(nodes.slice(0, 3), { isContested: true }, nodes);
      store.endOfNodes();
      await vi.advanceTimersByTimeAsync(500);
      expect(outcome.settled).toBeDefined();
      store.consider(nodes);
      await vi.advanceTimersByTimeAsync(500);
      expect(outcome.settled).toMatchObject({ tried: 3 });
      expect(nodes.map(isAsked)).toEqual([true, true, true, false, false]);
    });
  });

  describe('a put sends', () => {
    test.each([
      ['older', [undefined, undefined, undefined]],
      ['unchanged', [undefined, 1, 3]],
      ['nothing', [0]],
    ] as const)('where what is there must be %s, the right cas', async (condition, expected) => {
      const nodes = [null, item(1), item(3)].map((held) => staged(takes(), { item: held }));
      await play(nodes, { base: 4, condition });
      // Nothing is sent to nodes that hold something, if they must hold nothing.
      const sent = nodes.flatMap((node) => putsTo(node)[0] ?? []);
      expect(sent.map(({ parameters }) => parameters.get('cas'))).toEqual(expected);
    });

    test('the token that the node gave last', async () => {
      const token = Buffer.from('fresh');
      const stubborn = staged((name) => (name === 'get' ? { afterMs: AFTER_MS, answer: { token } } : accepts));
      await play([stubborn]);
      const sent = putsTo(stubborn).map(({ parameters }) => Buffer.from(asBytes(parameters.get('token')) ?? []));
      expect(sent.map(String)).toEqual(['token', 'fresh']);
    });

    test('nothing more where a node gives no token any more', async () => {
      const stubborn = staged((name) => (name === 'get' ? { afterMs: AFTER_MS, answer: {} } : accepts));
      expect((await play([stubborn])).settled).toMatchObject({ holders: 0, answered: 1 });
      expect(namesOf(stubborn)).toEqual(['put', 'get']);
    });

    test('nothing more than the packet, which is read back once', async () => {
      const nodes = several(4);
      expect((await play(nodes)).settled).toMatchObject({ holders: 4, atMs: 2 * AFTER_MS });
      expect(nodes.map(namesOf)).toEqual(nodes.map(() => ['put', 'get']));
    });

    test('what takes the cas back after the packet is known to be held, and nobody waits for that', async () => {
      const nodes = several(8, () => inTurn(takes(), takes(), isSilent));
      const { enough } = await play(nodes, { condition: 'nothing' });
      expect(enough).toMatchObject({ holders: 8, atMs: 2 * AFTER_MS });
      for (const node of nodes) {
        expect(namesOf(node).slice(0, 3)).toEqual(['put', 'get', 'put']);
        expect(putsTo(node).map(({ parameters }) => parameters.get('cas'))).toEqual([0, undefined, undefined]);
      }
    });
  });

  describe('a node', () => {
    test('that is silent is asked twice, and waited for to the end where fewer than 3 hold the packet', async () => {
      const silent = staged(isSilent);
      const { settled } = await play([silent, ...several(2)]);
      expect(settled).toMatchObject({ tried: 3, holders: 2, answered: 2, atMs: OVER_MS + 3000 });
      expect(silent.queries.map(({ name, atMs }) => [name, atMs - (silent.queries[0]?.atMs ?? 0)])).toEqual([
        ['put', 0],
        ['put', OVER_MS],
      ]);
    });

    test('that is silent is waited for twice its limit where 3 hold the packet', async () => {
      const { settled } = await play([staged(isSilent), ...several(3)]);
      expect(settled).toMatchObject({ tried: 4, holders: 3, answered: 3, atMs: 2 * OVER_MS });
    });

    test('that nothing can be sent to is not waited for', async () => {
      const { settled } = await play([staged(() => ({ afterMs: 0, answer: 'unsent' })), ...several(2)]);
      expect(settled).toMatchObject({ tried: 3, holders: 2, answered: 2, atMs: 2 * AFTER_MS });
    });

    test('counts, however late the answer to the second try comes', async () => {
      const late = staged(inTurn(isSilent, takes(2950), takes()));
      expect((await play([late])).settled).toMatchObject({ holders: 1, answered: 1, atMs: OVER_MS + 2950 + AFTER_MS });
    });

    test('whose answer comes late, but before that to the second try, is waited for as long with its next answer', async () => {
      const slow = staged(inTurn(takes(150), isSilent, takes(80)));
      const { settled } = await play([slow, ...several(3)]);
      expect(settled).toMatchObject({ holders: 4, atMs: 230 });
    });

    test('whose answer comes when its time is over is waited for again with its next answer', async () => {
      const late = staged(inTurn(takes(2 * OVER_MS + 40), isSilent, takes(80)));
      const { store, outcome } = stage([late, ...several(3)]);
      await vi.advanceTimersByTimeAsync(2 * OVER_MS + 60);
      store.endOfNodes();
      await vi.advanceTimersByTimeAsync(1000);
      expect(outcome.settled).toMatchObject({ holders: 4, atMs: 2 * OVER_MS + 40 + 80 });
    });

    test('whose answer has come just when its time is over is not asked again', async () => {
      const slow = staged(takes(LIMITS.holdMs));
      expect((await play([slow])).settled).toMatchObject({ holders: 1, atMs: 2 * LIMITS.holdMs });
      expect(namesOf(slow)).toEqual(['put', 'get']);
    });

    test('that answered once has answered, though it was silent later', async () => {
      const node = staged((name) => (name === 'get' ? null : accepts));
      expect((await play([node])).settled).toMatchObject({ holders: 0, tried: 1, answered: 1 });
      expect(namesOf(node)).toEqual(['put', 'get', 'get']);
    });

    test('that refuses to say what it holds is not counted as one that holds it', async () => {
      const node = staged((name) => (name === 'get' ? { afterMs: AFTER_MS, answer: [201, 'no'] } : accepts));
      expect((await play([node])).settled).toMatchObject({ holders: 0, answered: 1 });
      expect(namesOf(node)).toEqual(['put', 'get']);
    });

    test.each([
      ['a wrong signature', { ...OURS, signature: item(6).signature }],
      ['another key', { ...testKey(8).item(5), value: OURS.value }],
      ['another key, and a valid signature', testKey(8).item(5, 'value 5')],
    ])('that gives the packet back under %s does not count', async (_what, wrong) => {
      const node = staged((name) =>
        name === 'get' ? { afterMs: AFTER_MS, answer: { token: TOKEN, item: wrong } } : accepts,
      );
      expect((await play([node])).settled).toMatchObject({ holders: 0, older: ofLength(0), overtakenBy: null });
    });

    test('that gives a newer one under a wrong signature ends nothing', async () => {
      const wrong = { ...item(9), signature: OURS.signature };
      const node = staged((name) =>
        name === 'get' ? { afterMs: AFTER_MS, answer: { token: TOKEN, item: wrong } } : accepts,
      );
      expect((await play([node, ...several(2)])).settled).toMatchObject({ holders: 2, overtakenBy: null });
    });
  });

  describe('a node that held an older packet gives it still', () => {
    const saying =
      (put: Line, get: Line): StagedNode['says'] =>
      (name) =>
        name === 'get' ? get : put;
    const refuses: Line = { afterMs: AFTER_MS, answer: [301, 'CAS mismatch'] };
    const givesOld: Line = { afterMs: AFTER_MS, answer: { token: TOKEN, item: item(1) } };
    const givesNothing: Line = { afterMs: AFTER_MS, answer: { token: TOKEN } };

    test.each([
      ['if it is silent', saying(null, null), 1],
      ['if it refuses the new one, and does not say what it holds', saying(refuses, null), 1],
      ['if it says that it took the new one, and gives the old one', saying(accepts, givesOld), 1],
      ['unless it says that it took the new one, and does not say what it holds', saying(accepts, null), 0],
      ['unless it gives nothing at all', saying(refuses, givesNothing), 0],
      ['unless it gives the new one', takes(), 0],
    ])('%s', async (_how, says, older) => {
      const node = staged(says, { item: item(1) });
      expect((await play([node, ...several(3)], { base: 1 })).settled).toMatchObject({
        tried: 4,
        older: ofLength(older),
      });
    });

    test('if nothing must be there: then it is not put to', async () => {
      const node = staged(takes(), { item: item(1) });
      const { settled } = await play([node, ...several(3)], { base: 1, condition: 'nothing' });
      expect(settled).toMatchObject({ tried: 4, holders: 3, older: ofLength(1) });
      expect(node.queries).toEqual([]);
    });
  });

  test('the rest is given 400 ms once 8 nodes hold the packet', async () => {
    // Later than the others, so that its own time ends later.
    const late = staged(inTurn(takes(LIMITS.holdMs - 1), isSilent));
    const nodes = [...several(8, () => takes(LIMITS.holdMs - 1)), late];
    const { store, outcome } = stage(nodes.slice(0, 8), {}, nodes);
    await vi.advanceTimersByTimeAsync(2 * LIMITS.holdMs - 3);
    expect(outcome.enough).toBeUndefined();
    await vi.advanceTimersByTimeAsync(200);
    const atMs = 2 * LIMITS.holdMs - 2;
    expect(outcome.enough).toMatchObject({ holders: 8, atMs });
    store.consider(nodes);
    await vi.advanceTimersByTimeAsync(1000);
    expect(outcome.settled).toMatchObject({ tried: 9, holders: 8, atMs: expect.closeTo(atMs + 400, -1) });
  });

  test('an answer counts that has come just when the time of the rest is over', async () => {
    const late = staged(inTurn(takes(320), isSilent, takes(100)));
    const { outcome } = stage([late, ...several(8)]);
    await vi.advanceTimersByTimeAsync(1000);
    expect(outcome.enough).toMatchObject({ holders: 8, atMs: 2 * AFTER_MS });
    expect(outcome.settled).toMatchObject({ holders: 9 });
  });

  describe('somebody who was quicker', () => {
    test('is nobody whose packet is an earlier attempt of ours', async () => {
      const attempt = () => staged(takes(), { item: item(3) });
      const options = { base: 1, attempts: [2, 3] };
      const { settled } = await play([attempt(), ...several(2)], options);
      expect(settled).toMatchObject({ holders: 3, overtakenBy: null });
      const theirs = staged(takes(), { item: item(4) });
      expect((await play([attempt(), theirs], options)).settled).toMatchObject({ overtakenBy: { seq: 4 } });
    });

    test('is nobody whose packet is older than ours, once 8 nodes hold that: it is put over', async () => {
      const nodes = several(10);
      const { store, outcome } = stage(nodes.slice(0, 8), {}, nodes);
      await vi.advanceTimersByTimeAsync(50);
      store.consider(nodes.map((node, rank) => (rank < 8 ? node : { ...node, item: item(3) })));
      await vi.advanceTimersByTimeAsync(1000);
      expect(outcome.settled).toMatchObject({ tried: 10, holders: 10, overtakenBy: null });
    });

    test.each([item(5, 'theirs'), item(6)])(
      'is met after 8 nodes hold ours, where his is not older',
      async (theirs) => {
        const nodes = several(9);
        const { store, outcome } = stage(nodes.slice(0, 8), {}, nodes);
        await vi.advanceTimersByTimeAsync(50);
        store.consider(nodes.map((node, rank) => (rank < 8 ? node : { ...node, item: theirs })));
        await vi.advanceTimersByTimeAsync(0);
        expect(outcome.settled).toMatchObject({ overtakenBy: theirs, atMs: 50 });
      },
    );

    test('and published under the same number ends the work', async () => {
      const theirs = item(5, 'theirs');
      const nodes = [staged(forgets, { item: theirs }), ...several(3)];
      const { settled } = await play(nodes);
      expect(settled).toMatchObject({ tried: 1, overtakenBy: theirs, atMs: 0 });
      expect(nodes.map(isAsked)).toEqual(nodes.map(() => false));
    });

    test('is met where the packet is read back, and nobody is asked any more', async () => {
      const met = staged(forgets);
      met.held = item(7);
      const nodes = [met, staged(isSilent), ...several(3, () => takes(50))];
      expect((await play(nodes)).settled).toMatchObject({ overtakenBy: { seq: 7 }, holders: 0, atMs: 2 * AFTER_MS });
      // Nodes that have answered meanwhile are still asked what they hold.
      expect(nodes.map(namesOf)).toEqual([['put', 'get'], ['put'], ...several(3).map(() => ['put', 'get'])]);
    });
  });

  describe('the signal', () => {
    test('ends the work at once, with what is known', async () => {
      const abort = new AbortController();
      const { store, outcome } = stage([staged(isSilent), ...several(2)], { signal: abort.signal });
      store.endOfNodes();
      await vi.advanceTimersByTimeAsync(50);
      expect(outcome).toEqual({});
      abort.abort();
      await vi.advanceTimersByTimeAsync(0);
      const known = { tried: 3, holders: 2, answered: 2, overtakenBy: null, atMs: 50 };
      expect(outcome).toMatchObject({ enough: known, settled: known });
      // The timer of the request itself.
      expect(vi.getTimerCount()).toBe(1);
    });

    test('that was aborted before leaves nothing to do', async () => {
      const nodes = several(2);
      const { outcome } = stage(nodes, { signal: AbortSignal.abort() });
      await vi.advanceTimersByTimeAsync(0);
      expect(outcome.settled).toMatchObject({ tried: 0, holders: 0 });
      expect(nodes.map(isAsked)).toEqual([false, false]);
    });

    test('ends it for a node that has just refused: nothing is put to it again', async () => {
      const abort = new AbortController();
      const node = staged(forgets);
      const { store } = stage([node], { signal: abort.signal });
      store.endOfNodes();
      await vi.advanceTimersByTimeAsync(AFTER_MS + 5);
      abort.abort();
      await vi.advanceTimersByTimeAsync(5000);
      expect(namesOf(node)).toEqual(['put', 'get']);
    });

    test('ends it for a node that is silent: it is not asked again', async () => {
      const abort = new AbortController();
      const node = staged((name) => (name === 'get' ? null : accepts));
      const { store } = stage([node], { signal: abort.signal });
      store.endOfNodes();
      await vi.advanceTimersByTimeAsync(AFTER_MS - 5);
      abort.abort();
      await vi.advanceTimersByTimeAsync(5000);
      expect(namesOf(node)).toEqual(['put', 'get']);
    });

    test.each([
      ['8 nodes hold the packet', () => several(9), {}, 2 * AFTER_MS],
      ['the write is contested', () => several(9), { isContested: true }, 4 * AFTER_MS + 250],
      ['somebody was quicker after 8 held it', () => [...several(8), staged(theirsLater)], {}, 120],
    ])('is left alone, and no timer runs, once all is known: where %s', async (_when, nodesOf, options, atMs) => {
      const { signal } = new AbortController();
      expect((await play(nodesOf(), { signal, ...options }, atMs)).settled).toMatchObject({ atMs });
      expect(getEventListeners(signal, 'abort')).toEqual([]);
      expect(vi.getTimerCount()).toBe(0);
    });
  });

  describe('a contested write', () => {
    const contested = { isContested: true };

    /** How long after the last look but one a node was asked for what it holds. */
    const lastLook = ({ queries }: StagedNode) => (queries.at(-1)?.atMs ?? 0) - (queries.at(-2)?.atMs ?? 0);

    test('reads before it puts, and puts with the token that this gave', async () => {
      const token = Buffer.from('fresh');
      const node = staged((name, self) => {
        if (name === 'get') return { afterMs: AFTER_MS, answer: { token, item: self.held } };
        self.held = OURS;
        return accepts;
      });
      expect((await play([node], contested)).settled).toMatchObject({ holders: 1 });
      expect(namesOf(node)).toEqual(['get', 'put', 'get', 'get']);
      expect(putsTo(node).map(({ parameters }) => String(Buffer.from(asBytes(parameters.get('token')) ?? [])))).toEqual(
        ['fresh'],
      );
    });

    test('puts with the token of the walk where a node does not say what it holds', async () => {
      const node = staged(inTurn(isSilent, isSilent, takes()));
      expect((await play([node], contested)).settled).toMatchObject({ holders: 1 });
      expect(putsTo(node)).toHaveLength(1);
    });

    test('asks nobody where somebody was quicker already', async () => {
      const node = staged(takes(), { item: item(3) });
      expect((await play([node], { ...contested, base: 2 })).settled).toMatchObject({
        overtakenBy: { seq: 3 },
        atMs: 0,
      });
      expect(node.queries).toEqual([]);
    });

    test('ends as soon as somebody was seen to be quicker', async () => {
      const met = staged(forgets);
      met.held = item(7);
      const { settled } = await play([met, ...several(3)], contested);
      expect(settled).toMatchObject({ overtakenBy: { seq: 7 }, atMs: AFTER_MS });
      expect(putsTo(met)).toEqual([]);
    });

    test('looks once more 250 ms after the last node took it, though another one is waited for longer', async () => {
      const nodes = several(3);
      const { settled } = await play([staged(isSilent), ...nodes], contested);
      // Meanwhile, twice the silent node's limit passes.
      expect(nodes.map(lastLook)).toEqual(nodes.map(() => AFTER_MS + 250));
      expect(settled).toMatchObject({ holders: 3, atMs: 4 * AFTER_MS + 250 });
    });

    test('looks once more as soon as 8 nodes hold it, 250 ms later, and once at each', async () => {
      const slow = several(2, () => takes(80));
      const nodes = several(8);
      const { enough, settled } = await play([...slow, ...nodes, staged(isSilent)], contested);
      expect(enough).toMatchObject({ holders: 8, atMs: 3 * AFTER_MS });
      expect(nodes.map(namesOf)).toEqual(nodes.map(() => ['get', 'put', 'get', 'get']));
      expect(nodes.map(lastLook)).toEqual(nodes.map(() => AFTER_MS + 250));
      expect(slow.map(namesOf)).toEqual(slow.map(() => ['get', 'put', 'get', 'get']));
      expect(settled).toMatchObject({ holders: 10, atMs: 3 * AFTER_MS + 250 + 80 });
    });

    test('does so once, though one more takes it meanwhile', async () => {
      const nodes = several(8, () => inTurn(takes(), takes(), takes(), takes(60)));
      const later = staged(takes(2 * AFTER_MS));
      const { settled } = await play([...nodes, later], contested);
      expect([...nodes, later].map(namesOf)).toEqual([...nodes, later].map(() => ['get', 'put', 'get', 'get']));
      expect(settled).toMatchObject({ holders: 9, atMs: 3 * AFTER_MS + 250 + 60 });
    });

    test('gives that look the time that it needs', async () => {
      const nodes = several(8, () =>
        inTurn(takes(), takes(), takes(), (_, self) => gives({ ...self, held: item(6) }, 180)),
      );
      const { enough, settled } = await play(nodes, contested);
      expect(enough).toMatchObject({ overtakenBy: null });
      expect(settled).toMatchObject({ overtakenBy: { seq: 6 }, atMs: 3 * AFTER_MS + 250 + 180 });
    });

    test('does not look again where another packet is held, and ends where none holds ours', async () => {
      const stubborn = staged(forgets, { item: item(1) });
      const { settled } = await play([stubborn, staged()], { ...contested, base: 1 });
      expect(settled).toMatchObject({ holders: 1, older: ofLength(1) });
      expect(namesOf(stubborn)).toEqual(['get', 'put', 'get', 'put', 'get']);
      const none = (await play([staged(forgets)], contested)).settled;
      expect(none).toMatchObject({ tried: 1, holders: 0 });
      expect(none?.atMs).toBeLessThan(300);
    });

    test('does not count a node that is silent in the second look', async () => {
      const silent = staged(inTurn(takes(), takes(), takes(), isSilent));
      const { enough, settled } = await play([silent, ...several(8)], contested);
      expect(enough).toMatchObject({ holders: 8 });
      expect(settled).toMatchObject({ tried: 9, holders: 8, answered: 9 });
    });

    test('waits 400 ms for the second look of a few nodes, though their time is over before', async () => {
      const lookAtMs = 3 * AFTER_MS + 250;
      const late = staged(inTurn(takes(), takes(), takes(), takes(300), isSilent));
      expect((await play([late], contested)).settled).toMatchObject({ holders: 1, atMs: lookAtMs + 300 });
      const silent = staged(inTurn(takes(), takes(), takes(), isSilent));
      // One turn later, as an answer may have waited in the socket.
      expect((await play([silent], contested)).settled).toMatchObject({ holders: 0, atMs: lookAtMs + 400 + 1 });
    });

    test('waits twice as long as a node may take for the second look, where that is more', async () => {
      const late = staged(inTurn(takes(), takes(), takes(), takes(550), isSilent));
      const nodes = [late, ...several(3)];
      const { settled } = await play(nodes, { ...contested, rpc: new StagedRpc(nodes, 300) });
      expect(settled).toMatchObject({ holders: 4, atMs: 3 * AFTER_MS + 250 + 550 });
    });

    test('is overtaken by what is older than it, too, after 8 nodes hold it', async () => {
      const nodes = several(9);
      const { store, outcome } = stage(nodes.slice(0, 8), contested, nodes);
      await vi.advanceTimersByTimeAsync(50);
      expect(outcome.enough).toMatchObject({ holders: 8 });
      store.consider(nodes.map((node, rank) => (rank < 8 ? node : { ...node, item: item(3) })));
      await vi.advanceTimersByTimeAsync(0);
      expect(outcome.settled).toMatchObject({ overtakenBy: { seq: 3 } });
    });
  });
});

/** Takes the packet late, and gives somebody else's back. */
function theirsLater(name: string, node: StagedNode): Line {
  return name === 'get' ? gives({ ...node, held: item(9) }, 60) : { afterMs: 60, answer: {} };
}
