import { describe, expect, test } from 'vitest';
import type { Address, NodeAddress } from '../../src/dht/krpc.ts';
import { type Candidate, Shortlist } from '../../src/dht/shortlist.ts';
import { idFor } from '../support/public-node-id.ts';
import { testKey } from '../support/test-key.ts';

/** Each node's id is its distance. */
const TARGET = new Uint8Array(20);
const OWN_ID = new Uint8Array(20).fill(9);
const HERE = { host: '192.168.0.7', port: 6881 };
const OUTSIDE = { host: '11.0.0.1', port: 6881 };

/** An id at a distance. */
const idAt = (distance: number) => TARGET.with(18, distance >> 8).with(19, distance & 255);

const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

/** A node whose id does not fit its public address: the closest for the number 1. */
const close = (n: number, host = `12.${n >> 8}.${n & 255}.1`): NodeAddress => ({ id: idAt(n), host, port: n });

/** A node whose id fits its public address. */
function fitting(n: number, host = `13.${n >> 8}.${n & 255}.1`): NodeAddress {
  return { id: idFor(host, `${n}`), host, port: n };
}

function empty(wasSilent: (address: Address) => boolean = () => false): Shortlist {
  return new Shortlist(TARGET, OWN_ID, wasSilent);
}

function shortlistOf(nodes: readonly NodeAddress[], from: Address = HERE): Shortlist {
  const shortlist = empty();
  shortlist.learn(from, nodes);
  return shortlist;
}

const ports = (nodes: readonly Address[]) => nodes.map(({ port }) => port).sort((a, b) => a - b);

const get = (shortlist: Shortlist, node: Address) => shortlist.get(node) as Candidate;

function hear(shortlist: Shortlist, nodes: readonly Address[]): void {
  for (const node of nodes) Object.assign(get(shortlist, node).endpoint, { tries: 1, heard: true });
}

describe('a node that was not asked yet', () => {
  const node = fitting(1);
  const other = { ...node, id: idAt(1) };
  const further = { ...node, id: new Uint8Array(20).fill(0xff) };

  test.each([
    ['the last', [further, node, other]],
    ['the first', [other, node, further]],
    ['neither', [further, other, node]],
  ])('stands at the closest id that it was named under, be that %s', (_which, named) => {
    const shortlist = empty();
    for (const each of named) shortlist.learn(HERE, [each]);
    expect(shortlist.all()).toMatchObject([{ id: other.id, distance: idAt(1) }]);
  });

  test.each([
    ['before it is named closer under another', [node, other]],
    ['after it was named closer under another', [other, node]],
  ])('counts as one whose id fits, if it is named under such an id %s', (_when, named) => {
    const shortlist = empty();
    for (const each of named) shortlist.learn(HERE, [each]);
    expect(shortlist.all()).toMatchObject([{ id: other.id, fits: true }]);
    expect(shortlist.groups().preferred).toHaveLength(1);
  });

  test('does not count as one whose id fits where none does', () => {
    const shortlist = shortlistOf([further, other]);
    expect(shortlist.all()).toMatchObject([{ id: other.id, fits: false }]);
    expect(shortlist.groups().others).toHaveLength(1);
  });
});

describe('a node that was asked', () => {
  const node = fitting(1);

  test('stays where it is, whatever others say', () => {
    const shortlist = shortlistOf([node]);
    get(shortlist, node).endpoint.tries = 1;
    shortlist.learn(HERE, [{ ...node, id: idAt(1) }]);
    expect(shortlist.all()).toMatchObject([{ id: node.id, distance: node.id, fits: true }]);
    const unfit = shortlistOf([{ ...node, id: idAt(1) }]);
    get(unfit, node).endpoint.tries = 1;
    unfit.learn(HERE, [node]);
    expect(unfit.all()).toMatchObject([{ id: idAt(1), fits: false }]);
  });

  test('goes where its own id puts it', () => {
    const shortlist = shortlistOf([{ ...node, id: idAt(1) }]);
    shortlist.setId(get(shortlist, node), node.id);
    expect(shortlist.all()).toMatchObject([{ id: node.id, distance: node.id, fits: true }]);
    shortlist.setId(get(shortlist, node), idAt(2));
    expect(shortlist.all()).toMatchObject([{ id: idAt(2), distance: idAt(2), fits: false }]);
  });
});

test('the distance of a node is that of its id from the target, by XOR', () => {
  const target = new Uint8Array(20).fill(0b1010);
  const shortlist = new Shortlist(target, OWN_ID, () => false);
  shortlist.learn(HERE, [{ ...close(1), id: new Uint8Array(20).fill(0b0110) }]);
  expect(shortlist.all()).toMatchObject([{ distance: new Uint8Array(20).fill(0b1100) }]);
});

test('who walks is not entered under the own id', () => {
  const shortlist = shortlistOf([{ ...close(1), id: OWN_ID }]);
  shortlist.addStart({ ...close(1), id: OWN_ID });
  shortlist.addReplied({ ...close(1), id: OWN_ID, token: null, item: null });
  expect(shortlist.all()).toEqual([]);
});

describe('of the nodes that were not asked yet', () => {
  test('the 256 closest are kept', () => {
    const shortlist = shortlistOf(
      range(1, 256)
        .reverse()
        .map((n) => close(n)),
    );
    expect(ports(shortlist.all())).toEqual(range(1, 256));
    shortlist.learn(
      HERE,
      range(257, 300).map((n) => close(n)),
    );
    expect(ports(shortlist.all())).toEqual(range(1, 256));
    shortlist.learn(HERE, [{ ...close(1), port: 1000 }]);
    expect(ports(shortlist.all())).toEqual([...range(1, 255), 1000]);
  });

  test('those whose id fits are kept before others, though these are closer', () => {
    const shortlist = shortlistOf(range(1, 256).map((n) => close(n)));
    shortlist.learn(HERE, [fitting(1000), fitting(1001)]);
    expect(ports(shortlist.all())).toEqual([...range(1, 254), 1000, 1001]);
  });

  test('as many are kept whatever the number of those that were asked, of which none is forgotten', () => {
    const shortlist = shortlistOf(range(201, 300).map((n) => close(n)));
    for (const { endpoint } of shortlist.all()) endpoint.tries = 1;
    shortlist.learn(
      HERE,
      range(301, 556).map((n) => close(n)),
    );
    expect(ports(shortlist.all())).toEqual(range(201, 556));
    shortlist.learn(
      HERE,
      range(1, 200).map((n) => close(n)),
    );
    expect(ports(shortlist.all())).toEqual(range(1, 356));
  });
});

describe('of the nodes that a /24 names', () => {
  test('16 are entered that have not answered, whoever of it names them', () => {
    const shortlist = shortlistOf(
      range(1, 10).map((n) => close(n)),
      OUTSIDE,
    );
    shortlist.learn(
      { ...OUTSIDE, host: '11.0.0.2' },
      range(11, 30).map((n) => close(n)),
    );
    expect(ports(shortlist.all())).toEqual(range(1, 16));
    shortlist.learn(
      { ...OUTSIDE, host: '11.0.1.1' },
      range(21, 30).map((n) => close(n)),
    );
    expect(ports(shortlist.all())).toEqual([...range(1, 16), ...range(21, 30)]);
  });

  test('one more is entered for each that has answered', () => {
    const shortlist = shortlistOf(
      range(1, 16).map((n) => close(n)),
      OUTSIDE,
    );
    hear(shortlist, [close(3), close(5)]);
    shortlist.learn(
      OUTSIDE,
      range(17, 30).map((n) => close(n)),
    );
    expect(ports(shortlist.all())).toEqual(range(1, 18));
  });

  test('those that others named before do not count', () => {
    const shortlist = shortlistOf(range(1, 20).map((n) => close(n)));
    shortlist.learn(
      OUTSIDE,
      range(1, 40).map((n) => close(n)),
    );
    expect(ports(shortlist.all())).toEqual(range(1, 36));
    // Nodes named by two count for the one that named them first.
    shortlist.learn(
      { ...OUTSIDE, host: '11.0.1.1' },
      range(21, 60).map((n) => close(n)),
    );
    expect(ports(shortlist.all())).toEqual(range(1, 52));
  });

  test('one that is known already is noted as named, however many there are', () => {
    const shortlist = shortlistOf(
      range(1, 16).map((n) => close(n)),
      OUTSIDE,
    );
    shortlist.addStart(close(17));
    expect(get(shortlist, close(17))).toMatchObject({ isStart: true, isNamed: false, namedFrom: null });
    shortlist.learn(OUTSIDE, [close(17)]);
    expect(get(shortlist, close(17))).toMatchObject({ isStart: true, isNamed: true, namedFrom: null });
    expect(get(shortlist, close(16))).toMatchObject({ isStart: false, isNamed: true, namedFrom: '11.0.0' });
  });

  test('any number is entered if it is in our own network', () => {
    expect(shortlistOf(range(1, 40).map((n) => close(n))).all()).toHaveLength(40);
  });
});

describe('a node at a local address', () => {
  const neighbour = { id: idAt(1), host: '192.168.0.9', port: 1 };

  test('is entered if one in our own network names it, and not if one on the Internet does', () => {
    const shortlist = shortlistOf([neighbour, close(2)], OUTSIDE);
    expect(ports(shortlist.all())).toEqual([2]);
    shortlist.learn(HERE, [neighbour]);
    expect(ports(shortlist.all())).toEqual([1, 2]);
  });

  test('is not moved by one on the Internet, nor counted as named by it', () => {
    const shortlist = empty();
    shortlist.addStart({ ...neighbour, id: idAt(5) });
    shortlist.learn(OUTSIDE, [neighbour]);
    expect(shortlist.all()).toMatchObject([{ id: idAt(5), isNamed: false }]);
  });
});

describe('of one /24', () => {
  test('nobody may be asked once 8 answered anything, be they known under one address or several', () => {
    const nodes = range(1, 8).map((n) => close(n, `11.9.9.${n >> 1}`));
    const shortlist = shortlistOf([...nodes, close(9, '11.9.8.1')]);
    const another = { host: '11.9.9.200', port: 1 };
    hear(shortlist, nodes.slice(0, 7));
    hear(shortlist, [close(9, '11.9.8.1')]);
    expect(shortlist.mayAsk(another)).toBe(true);
    hear(shortlist, nodes);
    expect(shortlist.mayAsk(another)).toBe(false);
    expect(shortlist.mayAsk({ ...another, host: '11.9.8.2' })).toBe(true);
  });

  test('anybody may be asked in our own network', () => {
    const nodes = range(1, 20).map((n) => close(n, '192.168.0.1'));
    const shortlist = shortlistOf(nodes);
    hear(shortlist, nodes);
    expect(shortlist.mayAsk({ host: '192.168.0.1', port: 100 })).toBe(true);
  });
});

describe('a node that replied to an earlier walk', () => {
  const { item } = testKey(7);
  const node = { ...close(1), token: Buffer.from('token'), item: item(5) };

  test('counts as one that replied, with its token and its item, and is not to be asked', () => {
    const shortlist = empty(() => true);
    shortlist.addReplied(node);
    const { token, item } = node;
    expect(shortlist.all()).toMatchObject([
      { id: node.id, token, item, replied: true, isStart: true, isNamed: false, namedFrom: null },
    ]);
    expect(shortlist.all()[0]?.endpoint).toMatchObject({ heard: true, tries: 1, out: 0, isDoubtful: false });
  });

  test('is not moved by what others say', () => {
    const shortlist = empty();
    shortlist.addReplied({ ...node, id: idAt(3) });
    shortlist.learn(HERE, [node]);
    expect(shortlist.all()).toMatchObject([{ id: idAt(3), isNamed: true }]);
  });
});

describe('a bootstrap node', () => {
  const node = close(1);

  test.each(['before', 'after'])('is asked as one with the candidate that it is, if it becomes one %s', (when) => {
    const shortlist = empty();
    if (when === 'before') shortlist.learn(HERE, [node]);
    shortlist.addBootstrapNode(node);
    if (when === 'after') shortlist.learn(HERE, [node]);
    expect(shortlist.bootstrapNodes()).toHaveLength(1);
    expect(shortlist.bootstrapNodes()[0]).toBe(get(shortlist, node).endpoint);
    expect(shortlist.endpoints().size).toBe(1);
  });

  test('is one, though two names lead to it, and is no candidate by that alone', () => {
    const shortlist = empty();
    shortlist.addBootstrapNode(node);
    const [first] = shortlist.bootstrapNodes();
    shortlist.addBootstrapNode({ ...node });
    expect(shortlist.bootstrapNodes()).toHaveLength(1);
    expect(shortlist.bootstrapNodes()[0]).toBe(first);
    expect(shortlist.all()).toEqual([]);
  });
});

test('a node that is entered was asked for nothing yet', () => {
  const shortlist = shortlistOf([close(1)]);
  const nothing = { tries: 0, out: 0, askedAtMs: null, firstAskedAtMs: null, heard: false };
  expect(shortlist.all()[0]?.endpoint).toMatchObject({ ...nothing, askedForNodes: false });
});

test('whoever was silent lately is doubtful, as a candidate and as a bootstrap node', () => {
  const shortlist = empty(({ port }) => port % 2 === 0);
  shortlist.learn(HERE, [close(1), close(2)]);
  shortlist.addBootstrapNode(close(3));
  shortlist.addBootstrapNode(close(4));
  const doubtful = [...shortlist.endpoints()].filter(({ isDoubtful }) => isDoubtful);
  expect(ports(doubtful)).toEqual([2, 4]);
});

test('who refuses takes no place of its /24', () => {
  const nodes = [1, 2, 3].map((n) => close(n, '11.9.9.1'));
  const shortlist = shortlistOf(nodes);
  hear(shortlist, nodes);
  expect(ports(shortlist.groups().others)).toEqual([1, 2, 3]);
  for (const node of nodes) get(shortlist, node).replied = true;
  expect(ports(shortlist.groups().others)).toEqual([1, 2]);
});

test('those whose id fits come first, then others, then those of a crowded /24, and of each kind the closest', () => {
  const preferred = [fitting(1), fitting(2)].sort((a, b) => Buffer.compare(a.id, b.id));
  const crowded = [3, 4, 5].map((n) => close(n, '11.9.9.1'));
  const shortlist = shortlistOf([...crowded, ...preferred]);
  for (const node of crowded) get(shortlist, node).replied = true;
  const inOrder = [...preferred, ...crowded].map(({ port }) => port);
  expect(shortlist.byPreference().map(({ port }) => port)).toEqual(inOrder);
});
