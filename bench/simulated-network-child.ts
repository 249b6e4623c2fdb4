/** A simulated network, as a child process that is given work (`startWorkingChild`). */
import type { MutableItem } from '../src/dht/mutable-item.ts';
import { HOSTILE } from '../test/support/hostile-nodes.ts';
import {
  type NetworkOptions,
  type SimulatedNetwork,
  startSimulatedNetwork,
} from '../test/support/simulated-network.ts';
import { byDistance, type SimulatedNode } from '../test/support/simulated-node.ts';
import { serve, type WorkingChild } from '../test/support/working-child.ts';
import { flood } from './flood.ts';

let network: SimulatedNetwork | undefined;
/** The original answers of the nodes that were made hostile. */
let honest = new Map<SimulatedNode, SimulatedNode['answer']>();

const live = () => network?.live ?? [];
const all = () => [...live(), ...(network?.dead ?? [])];

const work = {
  /** Replaces the running network by another one. Returns its CCLINK_BOOTSTRAP. */
  async start(options: NetworkOptions): Promise<string> {
    network?.close();
    network = await startSimulatedNetwork(options);
    honest = new Map();
    return network.bootstrap.map(({ host, port }) => `${host}:${port}`).join(',');
  },
  /** Makes all nodes honest and empty again. */
  async clear(): Promise<void> {
    for (const [node, answer] of honest) node.answer = answer;
    honest = new Map();
    for (const node of all()) {
      node.held = null;
      node.queries.length = 0;
    }
  },
  /** Gives the live nodes closest to a target these items, the closest node the first. */
  async hold(target: Uint8Array, items: readonly (MutableItem | null)[]): Promise<void> {
    const closest = byDistance(live(), target);
    for (const [rank, item] of items.entries()) {
      const node = closest[rank];
      if (node !== undefined) node.held = item;
    }
  },
  /** Makes the nodes at these ranks hostile: each in another way of `HOSTILE`, counted from `first` on. */
  async spoil(target: Uint8Array, ranks: readonly number[], first: number, old: MutableItem): Promise<void> {
    const ways = Object.values(HOSTILE);
    const closest = byDistance(live(), target);
    for (const [i, rank] of ranks.entries()) {
      const node = closest[rank];
      const way = ways[(first + i) % ways.length];
      if (node === undefined || way === undefined) continue;
      honest.set(node, node.answer);
      node.answer = way(node.answer, old);
    }
  },
  /**
   * Sends noise to the next client that asks, for some seconds, from the nodes' own addresses and from
   * strangers'. Then resolves to the number of datagrams.
   */
  async flood(perSecond: number, seconds: number): Promise<number> {
    return flood(live(), perSecond, seconds);
  },
  /** `host:port` of one of the live nodes. */
  async nodeAt(i: number): Promise<string> {
    const node = live()[i % live().length];
    return `${node?.host}:${node?.port}`;
  },
  /** How many queries arrived since `clear`, at dead nodes too. */
  async queries(): Promise<number> {
    return all().reduce((sum, { queries }) => sum + queries.length, 0);
  },
};

export type SimulatedNetworkWork = typeof work;
export type SimulatedNetworkProcess = WorkingChild<SimulatedNetworkWork>;

serve(work);
