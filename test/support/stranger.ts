import type { Encodable } from '../../src/dht/bencode.ts';
import { keyOf, type NodeAddress } from '../../src/dht/krpc.ts';
import type { MutableItem } from '../../src/dht/mutable-item.ts';
import { idFor } from './public-node-id.ts';
import { byDistance, carrying, compact, type SimulatedNode, startNode } from './simulated-node.ts';

/** How a stranger goes about taking over a key. */
export interface Stranger {
  readonly at: 'one address' | 'one /24' | 'a /24 each' | 'our own network';
  readonly ids: 'next to the key' | 'the closest that fit';
  /** What the stranger's nodes claim to hold; nothing if not given. */
  readonly says?: 'an old packet';
  /** Which nodes they name before each other. */
  readonly names?: keyof typeof NAMED;
  /** True if the stranger leads on step by step: each node names only one other, which is closer. */
  readonly leadsOn?: boolean;
}

/** What the stranger knows of the key and its neighbourhood. */
export interface Prey {
  /** The key's target (20 bytes). */
  readonly target: Uint8Array;
  readonly oldPacket: MutableItem;
  /** The nodes that hold the newest packet. */
  readonly holders: readonly NodeAddress[];
  /** Nodes that listen at local addresses. */
  readonly local: readonly NodeAddress[];
}

const NODES = 60;
/** As many as a client reads from a reply. */
const NAMED_AT_ONCE = 32;
/** A port where nobody listens. */
const DISCARD = 9;

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);
/** An id that differs from the target in one byte: the higher `at`, the closer. */
const nextTo = (target: Uint8Array, at: number, by: number) => target.with(at, (target[at] ?? 0) ^ by);
/** The 254 hosts of a /24 subnet. */
const hostsOf = (subnet: string) => numbers(254).map((i) => `${subnet}.${i + 1}`);

/** For each value of the last 3 bits of an id, a seed with which `idFor` chooses it. */
const SEEDS = numbers(8).map((last) => {
  const seeds = numbers(200).map(String);
  return seeds.find((seed) => ((idFor('11.0.0.1', seed)[19] ?? 0) & 7) === last) ?? '';
});

/**
 * The closest id to a goal among those allowed at an address: all but the first 21 and the last 3 bits are
 * free.
 */
function closestId(host: string, goal: Uint8Array): Uint8Array {
  const ids = SEEDS.map((seed) => {
    const bound = idFor(host, seed);
    const mask = (at: number) => [0xff, 0xff, 0xf8][at] ?? (at === 19 ? 0x07 : 0);
    const id = goal.map((byte, at) => ((bound[at] ?? 0) & mask(at)) | (byte & ~mask(at)));
    return { id, host, port: 0 };
  });
  return byDistance(ids, goal)[0]?.id ?? goal;
}

/** The `count` closest of the nodes that `hosts` allow, each with the closest id allowed there. */
function closestOf(hosts: readonly string[], target: Uint8Array, count: number): NodeAddress[] {
  const nodes = hosts.map((host) => ({ id: closestId(host, target), host, port: DISCARD }));
  return byDistance(nodes, target).slice(0, count);
}

const farthestFrom = (target: Uint8Array) => target.map((byte) => byte ^ 0xff);

const HOSTS = {
  'one address': numbers(NODES).map(() => '203.0.113.7'),
  'one /24': hostsOf('203.0.113'),
  'a /24 each': numbers(NODES).map((i) => `${130 + i}.7.7.7`),
  'our own network': numbers(NODES).map(() => '192.168.0.66'),
};

/**
 * Names these nodes from the eighth reply on: before that, a walk has heard fewer than 8 of the stranger's
 * nodes, and asks any node that is named.
 */
const late = (nodes: NodeAddress[]) => (reply: number) => (reply < 8 ? [] : nodes);

/** The nodes that the stranger may name: in the first reply (1), the second, and so on. */
const NAMED = {
  'local addresses': ({ local }: Prey) => {
    // What is sent to 0.0.0.0 arrives at 127.0.0.1.
    const zero = local.slice(0, 1).map((node) => ({ ...node, host: '0.0.0.0' }));
    return () => [...local, ...zero];
  },
  'the holders closer, under ids that do not fit': ({ target, holders }: Prey) =>
    late(holders.map((node, i) => ({ ...node, id: nextTo(target, 17, i + 1) }))),
  'the holders far off, under ids that fit': ({ target, holders }: Prey) =>
    late(holders.map((node) => ({ ...node, id: closestId(node.host, farthestFrom(target)) }))),
  'nobody, in the networks of the holders': ({ target, holders }: Prey) => {
    const nobody = holders.flatMap(({ host }) => {
      const neighbours = hostsOf(host.slice(0, host.lastIndexOf('.'))).filter((other) => other !== host);
      return closestOf(neighbours, target, 3);
    });
    return () => nobody;
  },
  'nobody, under ids that do not fit': ({ target }: Prey) => {
    const idOf = (reply: number, i: number) => nextTo(nextTo(target, 16, reply), 17, i);
    return (reply: number) =>
      numbers(NAMED_AT_ONCE).map((i) => ({ id: idOf(reply, i), host: `198.51.100.${i}`, port: reply }));
  },
  'nobody, under ids that fit': ({ target }: Prey) => {
    const nobody = closestOf(hostsOf('198.51.100'), target, NAMED_AT_ONCE);
    return (reply: number) => nobody.map((node) => ({ ...node, port: reply }));
  },
};

/**
 * Starts the stranger's 60 nodes. They answer at once, take every packet, and give it back only to the client
 * that put it.
 */
export async function startStranger(stranger: Stranger, prey: Prey): Promise<SimulatedNode[]> {
  const { target } = prey;
  const hosts = HOSTS[stranger.at];
  const addresses =
    stranger.ids === 'next to the key'
      ? hosts.slice(0, NODES).map((host, i) => ({ id: nextTo(target, 18, i + 1), host }))
      : closestOf(hosts, target, NODES);
  const named = stranger.names === undefined ? () => [] : NAMED[stranger.names](prey);
  const nodes: SimulatedNode[] = [];
  let replies = 0;
  /** What was put, by the address that put it. */
  const taken = new Map<string, { [key: string]: Encodable }>();
  const answer: SimulatedNode['answer'] = ({ name, parameters, from }, self) => {
    const { id } = self;
    if (name === 'put') {
      const item = ['k', 'seq', 'sig', 'v'].map((key) => [key, parameters.get(key) as Uint8Array]);
      taken.set(keyOf(from), Object.fromEntries(item));
      return { r: { id } };
    }
    replies += 1;
    const others = stranger.leadsOn ? nodes.slice(0, nodes.indexOf(self)).slice(-1) : nodes;
    const told = compact([...named(replies), ...others].slice(0, NAMED_AT_ONCE));
    const held = stranger.says === 'an old packet' ? carrying(prey.oldPacket) : {};
    return { r: { id, token: 'token', nodes: told, ...(taken.get(keyOf(from)) ?? held) } };
  };
  for (const { id, host } of addresses) nodes.push(await startNode(answer, { id, host }));
  return nodes;
}
