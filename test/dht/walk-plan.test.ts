import { describe, expect, test } from 'vitest';
import type { Address, NodeAddress } from '../../src/dht/krpc.ts';
import { type Candidate, type Endpoint, Shortlist } from '../../src/dht/shortlist.ts';
import { K, plan, type WalkState } from '../../src/dht/walk-plan.ts';
import { idFor } from '../support/public-node-id.ts';

/** Each node's id is its distance. */
const TARGET = new Uint8Array(20);
const OWN_ID = new Uint8Array(20).fill(0xff);
const NOW = 10_000;
const LIMITS = { holdMs: 400, likelyMs: 100 };
/** A node in our own network: it may name any number of nodes. */
const NAMER = { host: '127.0.0.1', port: 60_000 };
const BOOTSTRAP_PORT = 50_000;

/** The node at rank `n` by distance. As its address is local, it counts under any id. */
const local = (n: number): NodeAddress => ({
  id: TARGET.with(18, n >> 8).with(19, n & 255),
  host: '127.0.0.1',
  port: n,
});

/** Numbers from the first to the last. */
const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

const OF_NO_ONE = (_: Address) => false;

function shortlistOf(nodes: readonly NodeAddress[], wasSilent = OF_NO_ONE): Shortlist {
  const shortlist = new Shortlist(TARGET, OWN_ID, wasSilent);
  shortlist.learn(NAMER, nodes);
  return shortlist;
}

/** A shortlist with the nodes 1 to `count`, learnt in another order; `doubtful` ones were silent lately. */
const known = (count: number, doubtful: readonly number[] = []) =>
  shortlistOf(range(1, count).reverse().map(local), ({ port }) => doubtful.includes(port));

/** The candidates of a shortlist at these ports. */
const at = (shortlist: Shortlist, ports: readonly number[]) =>
  shortlist.byDistance().filter(({ port }) => ports.includes(port));

/** Marks nodes as asked, so many milliseconds ago. */
function ask(endpoints: readonly Endpoint[], agoMs: number, tries = 1): void {
  for (const endpoint of endpoints) Object.assign(endpoint, { tries, out: 1, askedAtMs: NOW - agoMs });
}

const askNodes = (shortlist: Shortlist, ports: readonly number[], agoMs: number, tries = 1) =>
  ask(
    at(shortlist, ports).map(({ endpoint }) => endpoint),
    agoMs,
    tries,
  );

function reply(candidates: readonly Candidate[]): void {
  for (const candidate of candidates) {
    candidate.replied = true;
    Object.assign(candidate.endpoint, { tries: 1, out: 0, heard: true, askedAtMs: NOW - 1000 });
  }
}

/** Marks nodes that the walk began with as replied: they do not count for the share of answers. */
function replyAsStarts(shortlist: Shortlist, ports: readonly number[]): void {
  reply(at(shortlist, ports));
  for (const candidate of at(shortlist, ports)) candidate.isStart = true;
}

function addBootstrapNode(shortlist: Shortlist, port = BOOTSTRAP_PORT): Endpoint {
  shortlist.addBootstrapNode({ host: '127.0.0.1', port });
  return shortlist.bootstrapNodes().find((node) => node.port === port) as Endpoint;
}

/** A walk that has looked for nodes further off, as far as there are ids. */
const STATE: WalkState = { closest: K, bootstrapDone: true, valuesComeAlone: false, searchedTo: 1n << 160n };

/** The plan, with nodes as ports. */
function next(shortlist: Shortlist, state: Partial<WalkState> = {}, nowMs = NOW) {
  const { ask, askForNodes, askFurtherOff, isDone, untilMs } = plan(shortlist, { ...STATE, ...state }, LIMITS, nowMs);
  const ports = (addresses: readonly Address[]) => addresses.map(({ port }) => port);
  const further = ports(askFurtherOff.map(({ endpoint }) => endpoint));
  return { ask: ports(ask), askForNodes: ports(askForNodes), askFurtherOff: further, isDone, untilMs };
}

const WIDER = { closest: 20 };

/** The nodes to ask, for tests where no order is promised. */
const asked = (shortlist: Shortlist) => next(shortlist).ask.sort((a, b) => a - b);

const DONE = { ask: [], askForNodes: [], askFurtherOff: [], isDone: true, untilMs: Number.POSITIVE_INFINITY };

describe('who is asked', () => {
  test('are the closest, 14 at once, and each for the value alone', () => {
    expect(next(known(20))).toEqual({ ...DONE, ask: range(1, 14), isDone: false });
  });

  test('is nobody more while 14 are within their limit', () => {
    const shortlist = known(20);
    askNodes(shortlist, range(1, 14), 300);
    expect(next(shortlist)).toMatchObject({ ask: [], isDone: false });
    askNodes(shortlist, [9], 400);
    expect(next(shortlist).ask).toEqual([15]);
  });

  test('is one more for each that has answered', () => {
    const shortlist = known(20);
    askNodes(shortlist, range(1, 14), 300);
    reply(at(shortlist, [3, 5]));
    expect(next(shortlist).ask).toEqual([15, 16]);
  });

  test('is the next whatever the number of those out that were silent lately', () => {
    const shortlist = known(20, range(1, 14));
    askNodes(shortlist, range(1, 14), 10);
    expect(next(shortlist).ask).toEqual(range(15, 20));
  });

  test('are 14 beside any number of bootstrap nodes that are out', () => {
    const shortlist = known(20);
    for (const port of range(50_000, 50_019)) addBootstrapNode(shortlist, port);
    ask(shortlist.bootstrapNodes(), 10);
    expect(next(shortlist).ask).toEqual(range(1, 14));
  });

  test('is a closer one as soon as the first of those in flight passes its limit', () => {
    const shortlist = known(23);
    reply(at(shortlist, range(2, 9)));
    for (const n of range(10, 23)) askNodes(shortlist, [n], 10 * n);
    // None of these is waited for: they are further off than the eighth that replied.
    expect(next(shortlist)).toEqual({ ...DONE, isDone: false, untilMs: NOW - 230 + LIMITS.holdMs });
    expect(next(shortlist, {}, NOW + 170).ask).toEqual([1]);
  });

  test('is nobody further off or again while a closer one waits for its turn', () => {
    const shortlist = known(16);
    reply(at(shortlist, [1]));
    askNodes(shortlist, range(2, 15), 200);
    expect(next(shortlist)).toEqual({ ...DONE, isDone: false, untilMs: NOW + 200 });
    expect(next(shortlist, { searchedTo: null })).toEqual({ ...DONE, isDone: false, untilMs: NOW + 200 });
  });

  test('is nobody once ten answers are expected of those that are closer', () => {
    const shortlist = known(40);
    replyAsStarts(shortlist, range(1, 6));
    askNodes(shortlist, [7, 8], 1000);
    // Two of two are silent: half of those asked next are expected to answer.
    expect(next(shortlist).ask).toEqual(range(9, 16));
  });

  test('is nobody while ten answers are expected of those in flight', () => {
    const shortlist = known(40);
    replyAsStarts(shortlist, range(1, 6));
    askNodes(shortlist, [7, 8], 1000);
    askNodes(shortlist, range(9, 16), 50);
    expect(next(shortlist)).toEqual({ ...DONE, isDone: false, untilMs: NOW + 50 });
  });

  test('is more for a wider walk: until 22 answers are expected', () => {
    const shortlist = known(60);
    replyAsStarts(shortlist, range(1, 18));
    askNodes(shortlist, [19, 20], 1000, 2);
    expect(next(shortlist, { closest: 20 }).ask).toEqual(range(21, 28));
  });

  test('is nobody after 512, bootstrap nodes among them', () => {
    const shortlist = known(3);
    for (const first of [1000, 1200, 1400]) {
      const ports = range(first, first + 169);
      shortlist.learn(NAMER, ports.map(local));
      askNodes(shortlist, ports, 1000, 2);
    }
    const root = addBootstrapNode(shortlist);
    Object.assign(root, { tries: 1, heard: true });
    expect(next(shortlist).ask).toEqual([1]);
    askNodes(shortlist, [1], 1000, 2);
    expect(next(shortlist)).toEqual(DONE);
  });
});

describe('the share of nodes that is expected to answer', () => {
  test('is two thirds at first, whatever became of those that the walk began with', () => {
    const shortlist = known(40);
    replyAsStarts(shortlist, range(1, 5));
    expect(next(shortlist).ask).toEqual(range(6, 13));
    for (const start of at(shortlist, [6, 7, 8])) start.isStart = true;
    askNodes(shortlist, [6, 7, 8], 1000);
    expect(next(shortlist).ask).toEqual(range(9, 16));
  });

  test('is higher where all answer', () => {
    const shortlist = known(40);
    reply(at(shortlist, range(1, 6)));
    // 10 of 12.
    expect(next(shortlist).ask).toEqual(range(7, 11));
  });

  test('is lower where many are silent', () => {
    const shortlist = known(40);
    replyAsStarts(shortlist, range(1, 7));
    askNodes(shortlist, range(8, 13), 1000);
    // 4 of 12.
    expect(next(shortlist).ask).toEqual(range(14, 22));
  });

  test('does not fall before those in flight have passed their limit', () => {
    const shortlist = known(40);
    replyAsStarts(shortlist, range(1, 5));
    askNodes(shortlist, range(6, 11), 50);
    expect(next(shortlist).ask).toEqual([12, 13]);
  });

  test('falls where nodes refuse', () => {
    const shortlist = known(40);
    replyAsStarts(shortlist, range(1, 6));
    for (const { endpoint } of at(shortlist, [7, 8])) Object.assign(endpoint, { tries: 1, heard: true });
    expect(next(shortlist).ask).toEqual(range(9, 16));
  });
});

describe('a node that is out', () => {
  test('is counted on while its answer is likely, and others are asked in its place after', () => {
    const shortlist = known(40);
    replyAsStarts(shortlist, range(2, 8));
    askNodes(shortlist, [1], 99);
    expect(next(shortlist).ask).toEqual(range(9, 12));
    askNodes(shortlist, [1], 100);
    expect(next(shortlist).ask).toEqual(range(9, 13));
  });

  test('is looked at again when its answer is likely no more, and waited for until its limit', () => {
    const shortlist = known(20);
    reply(at(shortlist, range(2, 9)));
    askNodes(shortlist, [1], 99);
    expect(next(shortlist)).toEqual({ ...DONE, isDone: false, untilMs: NOW + 1 });
    askNodes(shortlist, [1], 100);
    expect(next(shortlist)).toEqual({ ...DONE, isDone: false, untilMs: NOW + 300 });
    askNodes(shortlist, [1], 399);
    expect(next(shortlist)).toEqual({ ...DONE, isDone: false, untilMs: NOW + 1 });
    askNodes(shortlist, [1], 400);
    expect(next(shortlist)).toEqual(DONE);
  });

  test('is waited for where it replied and was asked something else', () => {
    const shortlist = known(20);
    reply(at(shortlist, range(1, 8)));
    askNodes(shortlist, [4], 150);
    expect(next(shortlist)).toEqual({ ...DONE, isDone: false, untilMs: NOW + 250 });
  });

  test('is waited for without an end as long as it waits for its turn to be sent', () => {
    const shortlist = known(20);
    reply(at(shortlist, range(2, 9)));
    askNodes(shortlist, [1], Number.NEGATIVE_INFINITY);
    expect(next(shortlist)).toEqual({ ...DONE, isDone: false });
  });

  test('is not waited for where it is further off than the eighth that replied', () => {
    const shortlist = known(20);
    reply(at(shortlist, range(1, 8)));
    askNodes(shortlist, [9], 10);
    expect(next(shortlist)).toEqual(DONE);
  });

  test('is not waited for once its request came to nothing', () => {
    const shortlist = known(20);
    reply(at(shortlist, range(2, 9)));
    askNodes(shortlist, [1], 10);
    for (const { endpoint } of at(shortlist, [1])) endpoint.out = 0;
    expect(next(shortlist)).toEqual(DONE);
  });
});

describe('a node that was silent lately', () => {
  test('is asked, and neither waited for nor counted on', () => {
    const shortlist = known(40, [1]);
    replyAsStarts(shortlist, range(2, 6));
    for (const start of at(shortlist, [1])) start.isStart = true;
    expect(next(shortlist).ask).toEqual([1, ...range(7, 14)]);
    askNodes(shortlist, [1], 10);
    expect(next(shortlist).ask).toEqual(range(7, 14));
    replyAsStarts(shortlist, range(2, 9));
    expect(next(shortlist)).toEqual(DONE);
  });

  test('is asked before the walk is done', () => {
    const shortlist = known(40, [1]);
    reply(at(shortlist, range(2, 9)));
    expect(next(shortlist)).toEqual({ ...DONE, ask: [1], isDone: false });
  });
});

describe('a walk is done', () => {
  test('at once where nobody is known', () => {
    expect(next(known(0))).toEqual(DONE);
  });

  test('when the 8 closest have replied, and not with 7', () => {
    const shortlist = known(20);
    reply(at(shortlist, range(1, 7)));
    expect(next(shortlist)).toMatchObject({ isDone: false, ask: range(8, 11) });
    reply(at(shortlist, [8]));
    expect(next(shortlist)).toEqual(DONE);
  });

  test('only after each closer node was asked', () => {
    const shortlist = known(20);
    reply(at(shortlist, [1, 2, 3, 5, 6, 7, 8, 9]));
    expect(next(shortlist)).toEqual({ ...DONE, ask: [4], isDone: false });
  });

  test('without those that refuse, in whose place others must have replied', () => {
    const shortlist = known(20);
    reply(at(shortlist, range(1, 8)));
    for (const candidate of at(shortlist, [4])) candidate.replied = false;
    expect(next(shortlist).ask).toEqual(range(9, 12));
    reply(at(shortlist, [9]));
    expect(next(shortlist)).toEqual(DONE);
  });
});

/** Nodes whose id fits their address, the closest first. */
const fitting = (count: number, hostOf = (n: number) => `11.0.${n}.1`): NodeAddress[] =>
  range(1, count)
    .map((n) => ({ id: idFor(hostOf(n), `${n}`), host: hostOf(n) }))
    .sort((a, b) => Buffer.compare(a.id, b.id))
    .map((node, i) => ({ ...node, port: i + 1 }));

/**
 * Nodes whose id does not fit, each in a /24 of its own, and each a hair nearer or further off than one of
 * `nodes`.
 */
const beside = (nodes: readonly NodeAddress[], where: 'nearer' | 'further'): NodeAddress[] =>
  nodes.map(({ id, port }, i) => ({
    id: Uint8Array.from(id).with(4, where === 'nearer' ? 0 : 255),
    host: `12.0.${i}.1`,
    port: 100 + port,
  }));

describe('nodes whose id does not fit their address', () => {
  test('are asked as far as the eighth that fits, and no further', () => {
    const all = fitting(9);
    const others = beside(all, 'nearer');
    const shortlist = shortlistOf([...all, ...others]);
    reply(at(shortlist, range(1, 8)));
    expect(next(shortlist)).toEqual({ ...DONE, ask: range(101, 108), isDone: false });
  });

  test('are asked under the very id of the eighth that fits', () => {
    const all = fitting(8);
    const twin = { id: all[7]?.id ?? TARGET, host: '12.0.0.1', port: 101 };
    const shortlist = shortlistOf([...all, twin]);
    reply(at(shortlist, range(1, 8)));
    expect(next(shortlist).ask).toEqual([101]);
  });

  test('are waited for as far as the eighth that fits, and no further', () => {
    const all = fitting(8);
    const shortlist = shortlistOf([...all, ...beside(all.slice(7), 'nearer')]);
    reply(at(shortlist, range(1, 8)));
    askNodes(shortlist, [108], 150);
    expect(next(shortlist)).toEqual({ ...DONE, isDone: false, untilMs: NOW + 250 });

    const further = shortlistOf([...all, ...beside(all.slice(7), 'further')]);
    reply(at(further, range(1, 8)));
    askNodes(further, [108], 150);
    expect(next(further)).toEqual(DONE);
  });

  test('are asked until 8 of them have replied, though others that fit are further off', () => {
    const all = fitting(17);
    const others = beside(all.slice(0, 9), 'nearer');
    const shortlist = shortlistOf([...all.slice(9), ...others]);
    reply(at(shortlist, range(10, 17)));
    reply(at(shortlist, range(101, 107)));
    expect(next(shortlist).ask).toEqual([108, 109]);
    reply(at(shortlist, [108]));
    expect(next(shortlist)).toEqual(DONE);
  });

  test('are asked beside those that fit, whatever their distance, where too few of these have replied', () => {
    const all = fitting(5);
    const shortlist = shortlistOf([...all, ...beside(all, 'further')]);
    expect(next(shortlist).ask).toEqual([...range(1, 5), ...range(101, 105)]);
  });

  test('are enough to end a walk where there are no others', () => {
    const shortlist = shortlistOf(beside(fitting(8), 'nearer'));
    reply(shortlist.all());
    ask([addBootstrapNode(shortlist)], 10);
    expect(next(shortlist)).toEqual(DONE);
  });

  test('do not end it while one that fits is out', () => {
    const all = fitting(9);
    const shortlist = shortlistOf([...all.slice(8), ...beside(all.slice(0, 8), 'nearer')]);
    reply(at(shortlist, range(101, 108)));
    askNodes(shortlist, [9], 150);
    expect(next(shortlist)).toEqual({ ...DONE, isDone: false, untilMs: NOW + 250 });
  });
});

describe('of one /24', () => {
  const ofOne = (count: number): NodeAddress[] =>
    range(1, count).map((n) => ({ id: TARGET.with(19, n), host: `11.9.9.${n}`, port: n }));

  test('nobody is asked any more once 8 were heard', () => {
    const shortlist = shortlistOf([{ ...local(10), id: TARGET }, ...ofOne(9)]);
    reply(at(shortlist, [10]));
    const hear = (ports: readonly number[]) => {
      for (const { endpoint } of at(shortlist, ports)) Object.assign(endpoint, { tries: 1, heard: true });
    };
    hear(range(2, 8));
    expect(next(shortlist).ask).toContain(1);
    hear([9]);
    expect(next(shortlist)).toEqual(DONE);
  });

  test('two that replied count all the same, and so do those further off', () => {
    const ofOneThatFit = fitting(9, (n) => `11.9.9.${n}`);
    const shortlist = shortlistOf([...ofOneThatFit, ...range(101, 106).map(local)]);
    for (const { endpoint } of at(shortlist, range(2, 9))) Object.assign(endpoint, { tries: 1, heard: true });
    reply(at(shortlist, [2, 3, ...range(101, 106)]));
    expect(next(shortlist, { searchedTo: null })).toEqual(DONE);
  });

  test('a third is not asked where two closer ones have replied', () => {
    const shortlist = shortlistOf(ofOne(3));
    reply(at(shortlist, [1, 2]));
    expect(next(shortlist)).toEqual(DONE);
  });
});

describe('a bootstrap node', () => {
  test('is asked at once, beside 14 others', () => {
    const shortlist = known(20);
    for (const port of [50_000, 50_001]) addBootstrapNode(shortlist, port);
    expect(next(shortlist)).toEqual({ ...DONE, ask: [...range(1, 14), 50_000, 50_001], isDone: false });
  });

  test('is asked three times, 500 ms apart, where nobody answers at all, and waited for as long again', () => {
    const shortlist = known(0);
    const root = addBootstrapNode(shortlist);
    expect(next(shortlist).ask).toEqual([BOOTSTRAP_PORT]);
    for (const tries of [1, 2]) {
      ask([root], 499, tries);
      expect(next(shortlist)).toEqual({ ...DONE, isDone: false, untilMs: NOW + 1 });
      ask([root], 500, tries);
      expect(next(shortlist).ask).toEqual([BOOTSTRAP_PORT]);
    }
    ask([root], 499, 3);
    expect(next(shortlist)).toEqual({ ...DONE, isDone: false, untilMs: NOW + 1 });
    ask([root], 500, 3);
    expect(next(shortlist)).toEqual(DONE);
  });

  test('is asked twice, 500 ms apart, where others answered, and waited for as long again', () => {
    const shortlist = known(1);
    reply(at(shortlist, [1]));
    const root = addBootstrapNode(shortlist);
    ask([root], 499);
    expect(next(shortlist)).toEqual({ ...DONE, isDone: false, untilMs: NOW + 1 });
    ask([root], 500);
    expect(next(shortlist).ask).toEqual([BOOTSTRAP_PORT]);
    ask([root], 499, 2);
    expect(next(shortlist)).toEqual({ ...DONE, isDone: false, untilMs: NOW + 1 });
    ask([root], 500, 2);
    expect(next(shortlist)).toEqual(DONE);
  });

  test('is not asked again, nor waited for, where its request came to nothing', () => {
    const shortlist = known(0);
    const root = addBootstrapNode(shortlist);
    ask([root], 10);
    root.out = 0;
    expect(next(shortlist)).toEqual(DONE);
    expect(next(shortlist, {}, NOW + 600)).toEqual(DONE);
  });

  test('is not asked again while its request waits for its turn to be sent', () => {
    const shortlist = known(0);
    ask([addBootstrapNode(shortlist)], Number.NEGATIVE_INFINITY);
    expect(next(shortlist)).toEqual({ ...DONE, isDone: false });
  });

  test('is neither asked nor waited for once 8 nodes have replied', () => {
    const shortlist = known(8);
    reply(shortlist.all());
    addBootstrapNode(shortlist);
    expect(next(shortlist)).toEqual(DONE);
    ask(shortlist.bootstrapNodes(), 10);
    expect(next(shortlist)).toEqual(DONE);
  });

  test('holds the walk until its address is known, unless 8 nodes have replied', () => {
    const shortlist = known(8);
    reply(at(shortlist, range(1, 7)));
    askNodes(shortlist, [8], 1000, 2);
    expect(next(shortlist)).toEqual(DONE);
    expect(next(shortlist, { bootstrapDone: false })).toEqual({ ...DONE, isDone: false });
    reply(at(shortlist, [8]));
    expect(next(shortlist, { bootstrapDone: false })).toEqual(DONE);
  });

  test('that answered is waited for no longer than any other, and not asked again', () => {
    const shortlist = known(0);
    const root = addBootstrapNode(shortlist);
    ask([root], 150);
    root.heard = true;
    expect(next(shortlist)).toEqual({ ...DONE, isDone: false, untilMs: NOW + 250 });
    expect(next(shortlist, {}, NOW + 600)).toEqual(DONE);
  });

  test('that others named is asked once in a step', () => {
    const shortlist = known(3);
    addBootstrapNode(shortlist, 2);
    expect(next(shortlist).ask).toEqual([1, 2, 3]);
  });

  test('that others named is asked again at its own time, not together with those that are silent', () => {
    const shortlist = known(3);
    const root = addBootstrapNode(shortlist, 2);
    reply(at(shortlist, [1]));
    askNodes(shortlist, [2, 3], 200);
    expect(next(shortlist).ask).toEqual([3]);
    ask([root], 500);
    expect(next(shortlist).ask).toEqual([2]);
  });
});

describe('where too few have replied', () => {
  /** Two nodes have replied, and the others were asked so many milliseconds ago. */
  function twoReplied(agoMs: number, doubtful: readonly number[] = []): Shortlist {
    const shortlist = known(5, doubtful);
    reply(at(shortlist, [2, 4]));
    askNodes(shortlist, [1, 3, 5], agoMs);
    return shortlist;
  }

  test('nobody is asked more as long as an answer is likely', () => {
    expect(next(twoReplied(99))).toEqual({ ...DONE, isDone: false, untilMs: NOW + 1 });
  });

  test('the silent ones are asked a second time, and never a third time', () => {
    const shortlist = twoReplied(1000);
    expect(asked(shortlist)).toEqual([1, 3, 5]);
    askNodes(shortlist, [1, 5], 1000, 2);
    expect(next(shortlist)).toEqual({ ...DONE, ask: [3], isDone: false });
    askNodes(shortlist, [3], 1000, 2);
    expect(next(shortlist)).toEqual(DONE);
  });

  test('those that were silent lately are asked a second time as well', () => {
    const shortlist = twoReplied(1000, [3]);
    expect(asked(shortlist)).toEqual([1, 3, 5]);
  });

  test('nobody is asked again whose request came to nothing', () => {
    const shortlist = twoReplied(1000);
    for (const { endpoint } of shortlist.all()) endpoint.out = 0;
    expect(next(shortlist)).toEqual(DONE);
  });

  test('those that were asked for nodes further off are waited for before anybody is asked again', () => {
    const shortlist = twoReplied(1000);
    ask(
      at(shortlist, [2, 4]).map(({ endpoint }) => endpoint),
      40,
    );
    expect(next(shortlist)).toEqual({ ...DONE, isDone: false, untilMs: NOW + 60 });
  });

  test('nobody is asked more as long as the answer of a bootstrap node is likely', () => {
    const shortlist = twoReplied(1000);
    ask([addBootstrapNode(shortlist)], 40);
    expect(next(shortlist)).toEqual({ ...DONE, isDone: false, untilMs: NOW + 60 });
  });

  test('nobody is asked again before his time is over, where nobody at all has answered', () => {
    const shortlist = known(3);
    askNodes(shortlist, [1, 2, 3], 200);
    expect(next(shortlist)).toEqual({ ...DONE, isDone: false, untilMs: NOW + 200 });
  });

  test('the silent ones are asked again, too, where whoever answered refused', () => {
    const shortlist = known(3);
    askNodes(shortlist, [1, 2], 1000);
    for (const { endpoint } of at(shortlist, [3])) Object.assign(endpoint, { tries: 1, heard: true });
    expect(asked(shortlist)).toEqual([1, 2]);
    // And there is no node to look for others with.
    expect(next(shortlist, { searchedTo: null })).toMatchObject({ askFurtherOff: [], isDone: false });
  });
});

describe('once a value came without nodes beside it', () => {
  test('whoever is asked is asked for nodes at the same time, but for those that were silent lately', () => {
    const shortlist = known(5, [2, 4]);
    addBootstrapNode(shortlist);
    const { ask, askForNodes } = next(shortlist, { valuesComeAlone: true });
    expect({ ask, askForNodes }).toEqual({ ask: [...range(1, 5), BOOTSTRAP_PORT], askForNodes: [1, 3, 5] });
  });

  test('whoever waits for its turn is asked for neither', () => {
    const { ask, askForNodes } = next(known(20), { valuesComeAlone: true });
    expect({ ask, askForNodes }).toEqual({ ask: range(1, 14), askForNodes: range(1, 14) });
  });
});

describe('a wider walk', () => {
  test('is done when the 20 closest have replied, and not with 19', () => {
    const shortlist = known(30);
    replyAsStarts(shortlist, range(1, 19));
    expect(next(shortlist, WIDER)).toMatchObject({ ask: range(20, 24), isDone: false });
    replyAsStarts(shortlist, [20]);
    expect(next(shortlist, WIDER)).toEqual(DONE);
  });

  test('asks late ones again without waiting for anybody, once', () => {
    const shortlist = known(30);
    replyAsStarts(shortlist, range(4, 23));
    askNodes(shortlist, [1], 99);
    askNodes(shortlist, [2], 100);
    askNodes(shortlist, [3], 100, 2);
    expect(next(shortlist, WIDER)).toMatchObject({ ask: [2], isDone: false, untilMs: NOW + 1 });
  });

  test('asks those again that were silent lately no earlier than others', () => {
    const shortlist = known(30, [1, 2]);
    replyAsStarts(shortlist, range(3, 22));
    askNodes(shortlist, [1], 99);
    askNodes(shortlist, [2], 100);
    expect(next(shortlist, WIDER)).toEqual({ ...DONE, ask: [2], isDone: false });
    askNodes(shortlist, [2], Number.NEGATIVE_INFINITY);
    expect(next(shortlist, WIDER)).toEqual(DONE);
  });

  test('asks late ones again beside 14 that are in flight', () => {
    const shortlist = known(40);
    replyAsStarts(shortlist, range(17, 20));
    askNodes(shortlist, [1], 1000);
    askNodes(shortlist, range(2, 15), 10);
    expect(next(shortlist, WIDER).ask).toEqual([1]);
  });

  test('does not ask those again that replied, though they are late with another answer', () => {
    const shortlist = known(20);
    replyAsStarts(shortlist, range(1, 20));
    askNodes(shortlist, [1], 1000);
    expect(next(shortlist, WIDER)).toEqual(DONE);
  });

  test('alone does so: where 8 are enough, nobody is asked again or further off', () => {
    const shortlist = known(9);
    replyAsStarts(shortlist, range(2, 9));
    askNodes(shortlist, [1], 100);
    expect(next(shortlist)).toEqual({ ...DONE, isDone: false, untilMs: NOW + 300 });
  });
});

describe('nodes further off than those that are known', () => {
  /**
   * What is asked for nodes further off: each port, and the distance of the id asked for in units of
   * 2^`shift`.
   */
  function sought(shortlist: Shortlist, state: Partial<WalkState> = {}, shift = 0n) {
    const { askFurtherOff } = plan(shortlist, { ...STATE, searchedTo: null, ...state }, LIMITS, NOW);
    return askFurtherOff.map(({ endpoint: { port }, near }) => ({ port, distance: Number(numberOf(near) >> shift) }));
  }
  const distances = (...args: Parameters<typeof sought>) => sought(...args).map(({ distance }) => distance);
  const searchedTo = (shortlist: Shortlist, state: Partial<WalkState> = {}) =>
    plan(shortlist, { ...STATE, searchedTo: null, ...state }, LIMITS, NOW).searchedTo;
  const numberOf = (id: Uint8Array) => BigInt(`0x${Buffer.from(id).toString('hex')}`);
  /** Fourteen evenly spaced numbers. */
  const fourteen = (first: number, step: number) => range(0, 13).map((i) => first + i * step);

  /** A node at every hundredth distance, all of which have replied. */
  function replied(count: number): Shortlist {
    const shortlist = shortlistOf(range(1, count).map((n) => local(100 * n)));
    replyAsStarts(
      shortlist,
      range(1, count).map((n) => 100 * n),
    );
    return shortlist;
  }

  test('are looked for at once by a wider walk, around 14 ids from half as far as the eighth to four times as far', () => {
    const shortlist = replied(20);
    expect(distances(shortlist, WIDER)).toEqual(fourteen(500, 200));
    expect(searchedTo(shortlist, WIDER)).toBe(3200n);
    expect(next(shortlist, { ...WIDER, searchedTo: null })).toMatchObject({ ask: [], isDone: false });
    expect(next(shortlist, { ...WIDER, searchedTo: 3200n })).toEqual(DONE);
  });

  test('are looked for as far as the last that must have replied', () => {
    expect(distances(replied(20), { ...WIDER, searchedTo: 1999n })).toHaveLength(14);
    expect(distances(replied(20), { ...WIDER, searchedTo: 2000n })).toEqual([]);
    expect(searchedTo(replied(20), { ...WIDER, searchedTo: 2000n })).toBe(2000n);
  });

  test('are looked for further and further off where fewer than 20 have replied', () => {
    const shortlist = replied(19);
    expect(distances(shortlist, WIDER)).toEqual(fourteen(500, 200));
    expect(distances(shortlist, { ...WIDER, searchedTo: 2800n })).toEqual(fourteen(3100, 600));
    expect(searchedTo(shortlist, { ...WIDER, searchedTo: 2800n })).toBe(11_200n);
    expect(next(shortlist, { ...WIDER, searchedTo: 2800n })).toMatchObject({ ask: [], isDone: false });
  });

  test('are looked for in the second look as far as the last that replied, however close somebody put eight nodes', () => {
    const shortlist = shortlistOf([...range(1, 8), 2800, 5600].map(local));
    reply(shortlist.all());
    expect(searchedTo(shortlist, WIDER)).toBe(32n);
    expect(searchedTo(shortlist, { ...WIDER, searchedTo: 0n })).toBe(5600n);
    expect(distances(shortlist, { ...WIDER, searchedTo: 0n })).toEqual(fourteen(200, 400));
    // Not beyond the last that must have replied.
    expect(searchedTo(replied(25), { ...WIDER, searchedTo: 100n })).toBe(2000n);
  });

  test('are looked for with nodes that are at the target itself', () => {
    const shortlist = shortlistOf([{ ...local(1), id: TARGET }]);
    reply(shortlist.all());
    expect(searchedTo(shortlist, WIDER)).toBe(4n);
    expect(searchedTo(shortlist, { ...WIDER, searchedTo: 4n })).toBe(16n);
  });

  test('are looked for once where 8 are enough, and fewer have replied', () => {
    expect(distances(replied(8))).toEqual([]);
    expect(distances(replied(4))).toEqual(fourteen(250, 100));
    expect(searchedTo(replied(4))).toBe(1600n);
    expect(next(replied(4), { searchedTo: null })).toMatchObject({ ask: [], isDone: false });
    expect(next(replied(4), { searchedTo: 1600n })).toEqual(DONE);
  });

  test('are looked for where 8 have replied in all, but fewer of those whose id fits, and fewer of the others', () => {
    const all = fitting(14);
    const shortlist = shortlistOf([...all.slice(7), ...beside(all.slice(0, 7), 'nearer')]);
    reply(shortlist.all());
    expect(next(shortlist, { searchedTo: null })).toMatchObject({ ask: [], isDone: false });
    expect(searchedTo(shortlist)).not.toBeNull();
  });

  test('are asked for of those that replied, the closest to each id', () => {
    const shortlist = replied(20);
    const ports = shortlist.all().map(({ port }) => port);
    shortlist.learn(
      NAMER,
      range(1, 30).map((n) => local(100 * n + 50)),
    );
    for (const { port, distance } of sought(shortlist, WIDER)) {
      const closestFirst = ports.toSorted((a, b) => (a ^ distance) - (b ^ distance));
      expect(port).toBe(closestFirst[0]);
    }
  });

  test('are looked for behind the eighth whose id fits, though others are closer', () => {
    const shortlist = replied(8);
    shortlist.learn(
      NAMER,
      range(1, 8).map((n) => ({ id: TARGET.with(19, n), host: `12.0.${n}.1`, port: n })),
    );
    reply(at(shortlist, range(1, 8)));
    expect(distances(shortlist, WIDER)).toEqual(fourteen(500, 200));
  });

  test('are looked for at a distance from the target, by XOR', () => {
    const target = TARGET.with(0, 1).with(18, 0b101);
    const shortlist = new Shortlist(target, OWN_ID, OF_NO_ONE);
    const atDistance256 = target.with(18, 0b100);
    shortlist.learn(NAMER, [{ ...local(1), id: atDistance256 }]);
    reply(shortlist.all());
    const { askFurtherOff } = plan(shortlist, { ...STATE, searchedTo: null }, LIMITS, NOW);
    const found = askFurtherOff.map(({ near }) => numberOf(near) ^ numberOf(target));
    expect(found.map(Number)).toEqual(fourteen(160, 64));
    expect(askFurtherOff.map(({ near }) => near.length)).toEqual(fourteen(20, 0));
  });

  test('are not looked for where the space of the ids ends', () => {
    const shortlist = shortlistOf([{ ...local(1), id: TARGET.with(0, 80) }]);
    reply(shortlist.all());
    expect(distances(shortlist, {}, 152n)).toEqual(range(0, 10).map((i) => 50 + 20 * i));
    expect(distances(shortlist, { ...WIDER, searchedTo: (1n << 160n) - 1n })).toEqual([]);
    expect(searchedTo(shortlist, { ...WIDER, searchedTo: (1n << 160n) - 1n })).toBeGreaterThan(1n << 160n);
    expect(next(shortlist, { ...WIDER, searchedTo: 1n << 160n })).toEqual(DONE);
    expect(searchedTo(shortlist, { ...WIDER, searchedTo: 1n << 160n })).toBe(1n << 160n);
  });

  test('are not looked for as long as there is someone to ask for the value, or an answer is likely', () => {
    const shortlist = replied(4);
    shortlist.learn(NAMER, [local(6)]);
    expect(next(shortlist, { searchedTo: null })).toMatchObject({ ask: [6], askFurtherOff: [] });
    askNodes(shortlist, [6], 99);
    expect(next(shortlist, { searchedTo: null })).toEqual({ ...DONE, isDone: false, untilMs: NOW + 1 });
    askNodes(shortlist, [6], 100);
    expect(distances(shortlist)).toHaveLength(14);
    // A wider walk needs them in any case the first time.
    askNodes(shortlist, [6], 99);
    expect(distances(shortlist, WIDER)).toHaveLength(14);
    expect(distances(shortlist, { ...WIDER, searchedTo: 1600n })).toEqual([]);
  });

  test('are looked for before the silent ones are asked again', () => {
    const shortlist = replied(4);
    shortlist.learn(NAMER, [local(6)]);
    askNodes(shortlist, [6], 200);
    expect(next(shortlist, { searchedTo: null })).toMatchObject({ ask: [], isDone: false, untilMs: NOW + 200 });
    expect(next(shortlist, { searchedTo: 1600n })).toMatchObject({ ask: [6], askFurtherOff: [], isDone: false });
  });
});

describe('where enough nodes replied, and none of the 8 closest', () => {
  /** The `count` closest nodes are silent, and the next eight have replied. */
  function closestSilent(count: number, doubtful: readonly number[] = []): Shortlist {
    const shortlist = known(count + 8, doubtful);
    askNodes(shortlist, range(1, count), 1000);
    reply(at(shortlist, range(count + 1, count + 8)));
    return shortlist;
  }

  test('these are asked once more, and with them six that replied, the farthest first', () => {
    const shortlist = closestSilent(9);
    expect(next(shortlist)).toEqual({ ...DONE, ask: [...range(1, 8), 17, 16, 15, 14, 13, 12], isDone: false });
    askNodes(shortlist, range(1, 8), 1000, 2);
    askNodes(shortlist, range(12, 17), 1000, 2);
    expect(next(shortlist)).toEqual(DONE);
  });

  test('all are waited for to their limit before and after', () => {
    const shortlist = closestSilent(8);
    askNodes(shortlist, [3], 399);
    expect(next(shortlist)).toEqual({ ...DONE, isDone: false, untilMs: NOW + 1 });
    askNodes(shortlist, range(1, 8), 399, 2);
    expect(next(shortlist)).toEqual({ ...DONE, isDone: false, untilMs: NOW + 1 });
  });

  test('those that replied are waited for until one of them answers again, or their limit is over', () => {
    // They are further off than the walk has to go.
    const shortlist = known(30);
    askNodes(shortlist, range(1, 8), 1000, 2);
    reply(at(shortlist, range(9, 30)));
    askNodes(shortlist, range(25, 30), 399, 2);
    expect(next(shortlist)).toEqual({ ...DONE, isDone: false, untilMs: NOW + 1 });
    const [one] = at(shortlist, [27]);
    if (one !== undefined) one.endpoint.out = 0;
    expect(next(shortlist)).toEqual(DONE);
  });

  test('a silent node whose second request is over as well is none that answers again', () => {
    const shortlist = closestSilent(8);
    askNodes(shortlist, range(1, 8), 1000, 2);
    for (const { endpoint } of at(shortlist, range(1, 8))) endpoint.out = 0;
    expect(next(shortlist).ask).toEqual([16, 15, 14, 13, 12, 11]);
  });

  test('a bootstrap node that answered again is enough', () => {
    const shortlist = closestSilent(8);
    askNodes(shortlist, range(1, 8), 1000, 2);
    Object.assign(addBootstrapNode(shortlist), { tries: 2, heard: true });
    expect(next(shortlist)).toEqual(DONE);
  });

  test('nobody is asked a third time', () => {
    const shortlist = closestSilent(8);
    askNodes(shortlist, range(2, 8), 1000, 2);
    askNodes(shortlist, [15], 1000, 2);
    expect(next(shortlist).ask).toEqual([1, 16, 14, 13, 12, 11]);
  });

  test('those that were silent lately do not count among these, and are not asked again', () => {
    const shortlist = closestSilent(8, [2, 5]);
    // The eighth of the others has replied.
    expect(next(shortlist)).toEqual(DONE);
    expect(next(closestSilent(10, [2, 5])).ask).toEqual([1, 3, 4, ...range(6, 10), 18, 17, 16, 15, 14, 13]);
  });

  test('these are the closest by distance, whether or not their id fits', () => {
    const shortlist = shortlistOf(range(100, 107).map(local));
    shortlist.learn(
      NAMER,
      range(1, 8).map((n) => ({ id: TARGET.with(19, n), host: `12.0.${n}.1`, port: n })),
    );
    reply(at(shortlist, range(100, 107)));
    askNodes(shortlist, range(1, 8), 1000);
    expect(next(shortlist).ask).toEqual([...range(1, 8), 107, 106, 105, 104, 103, 102]);
  });

  test('nobody is asked again before nodes further off were looked for', () => {
    const shortlist = known(12);
    askNodes(shortlist, range(1, 8), 1000, 2);
    reply(at(shortlist, range(9, 12)));
    expect(next(shortlist, { searchedTo: null })).toMatchObject({ ask: [], isDone: false });
    expect(next(shortlist).ask).toEqual([12, 11, 10, 9]);
  });

  test('no two of the six are of one /24: whoever sits at a key alone can not make the link look down', () => {
    const shortlist = shortlistOf([]);
    const replied = range(21, 28).map((n) => ({ n, host: n > 26 ? `12.0.0.${n}` : `12.0.${n}.1` }));
    const silent = range(1, 8).map((n) => ({ n, host: `13.0.${n}.1` }));
    const nodeAt = ({ n, host }: { n: number; host: string }) => ({ id: TARGET.with(19, n), host, port: n });
    shortlist.learn(NAMER, [...silent, ...replied].map(nodeAt));
    askNodes(shortlist, range(1, 8), 1000);
    reply(at(shortlist, range(21, 28)));
    expect(next(shortlist).ask).toEqual([...range(1, 8), 28, 26, 25, 24, 23, 22]);
  });

  test('but for one, nothing is left to be done', () => {
    expect(next(closestSilent(7))).toEqual(DONE);
  });
});
