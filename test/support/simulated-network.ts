import { createHash } from 'node:crypto';
import type { NodeAddress } from '../../src/dht/krpc.ts';
import { honest, type SimulatedNode, startNode } from './simulated-node.ts';

/** How many nodes a node knows of each part of the id space (`K` in BEP 5). */
const BUCKET = 8;

export interface NetworkOptions {
  /** How many nodes answer. */
  readonly live: number;
  /** How many more nodes are known to the others, but silent. */
  readonly dead?: number;
  /** A different seed gives different ids, addresses, routing tables, delays and losses. */
  readonly seed?: number;
  /**
   * Id and host of node number `i`; by default an id drawn from the seed, and a loopback address of its own.
   */
  readonly address?: (i: number) => { readonly id: Uint8Array; readonly host: string };
  /**
   * By how many milliseconds each answer is delayed: always the same, or drawn from a log-normal
   * distribution.
   */
  readonly delayMs?: number | { readonly median: number; readonly sigma: number };
  /** The share of datagrams lost, each way. */
  readonly loss?: number;
  /**
   * Whether the bootstrap nodes know the nodes that any node would, or only dead ones, or are dead
   * themselves.
   */
  readonly bootstrap?: 'live' | 'knows only dead' | 'dead';
}

export interface SimulatedNetwork {
  readonly live: SimulatedNode[];
  /** Nodes that listen, but never answer. */
  readonly dead: SimulatedNode[];
  readonly bootstrap: readonly NodeAddress[];
  close(): void;
}

/**
 * Starts a network of honest nodes, each with its own socket and address.
 *
 * Each knows at most 8 nodes, dead ones included, in every part of the id space that is twice as far off as
 * the one before (BEP 5), and names the 8 closest it knows. Tables do not change later, so a client leaves no
 * trace.
 */
export async function startSimulatedNetwork(options: NetworkOptions): Promise<SimulatedNetwork> {
  const { live: liveCount, dead: deadCount = 0, seed = 1, bootstrap: kind = 'live' } = options;
  const { address = (i) => ({ id: idOf(seed, i), host: hostOf(seed, i) }) } = options;
  const random = randomNumbers(seed);
  const all: SimulatedNode[] = [];
  const tables = new Map<NodeAddress, NodeAddress[]>();
  for (let i = 0; i < liveCount + deadCount; i += 1) {
    const { id, host } = address(i);
    const answer = i < liveCount ? honest(() => tables.get(node) ?? []) : () => null;
    const node = await startNode(answer, { id, host, delayMs: delays(options, random) });
    all.push(node);
  }
  const live = all.slice(0, liveCount);
  for (const node of live) tables.set(node, tableOf(node, all, random));
  const dead = all.slice(liveCount);
  const bootstrap = kind === 'dead' ? dead.slice(0, 3) : live.slice(0, 3);
  if (kind === 'knows only dead') for (const node of live.slice(0, 3)) tables.set(node, dead);
  const close = () => {
    for (const node of all) node.close();
  };
  return { live, dead, bootstrap, close };
}

function idOf(seed: number, i: number): Uint8Array {
  return createHash('sha1').update(`${seed} node ${i}`).digest();
}

/** An address of its own. macOS has only one loopback address: there, ports tell nodes apart. */
function hostOf(seed: number, i: number): string {
  const own = `127.${1 + (seed % 250)}.${Math.floor(i / 250)}.${1 + (i % 250)}`;
  return process.platform === 'darwin' ? '127.0.0.1' : own;
}

/** What a node knows: random nodes from each bucket around its own id. */
function tableOf(node: NodeAddress, all: readonly NodeAddress[], random: () => number): NodeAddress[] {
  const buckets = new Map<number, NodeAddress[]>();
  for (const other of shuffled(all, random)) {
    if (other === node) continue;
    const bucket = sharedBits(node.id, other.id);
    const nodes = buckets.get(bucket) ?? [];
    if (nodes.length < BUCKET) buckets.set(bucket, [...nodes, other]);
  }
  return [...buckets.values()].flat();
}

/** How many leading bits two ids have in common. */
function sharedBits(a: Uint8Array, b: Uint8Array): number {
  const at = a.findIndex((byte, i) => byte !== b[i]);
  return at === -1 ? 160 : at * 8 + Math.clz32((a[at] ?? 0) ^ (b[at] ?? 0)) - 24;
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => ({ item, order: random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ item }) => item);
}

/** By how many milliseconds a node delays its next answer; null if one of the two datagrams is lost. */
function delays({ delayMs = 0, loss = 0 }: NetworkOptions, random: () => number): () => number | null {
  return () => {
    if (random() < loss || random() < loss) return null;
    if (typeof delayMs === 'number') return delayMs;
    // Box and Muller: a normal deviate from two uniform ones.
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return delayMs.median * Math.exp(delayMs.sigma * normal);
  };
}

/** Numbers from 0 up to, but not including, 1; the same for the same seed (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
