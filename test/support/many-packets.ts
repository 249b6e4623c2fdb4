/** A network of honest nodes that keep packets of many keys, as a child process (`startWorkingChild`). */
import { createHash } from 'node:crypto';
import { asBytes } from '../../src/dht/bencode.ts';
import type { Address } from '../../src/dht/krpc.ts';
import type { MutableItem } from '../../src/dht/mutable-item.ts';
import { startSimulatedNetwork } from './simulated-network.ts';
import type { SimulatedNode } from './simulated-node.ts';
import { serve } from './working-child.ts';

let arrived = 0;

/** Has a node hold a packet for each key; without this, it holds a single one. */
function keepMany(node: SimulatedNode): void {
  const { answer } = node;
  const packets = new Map<string, MutableItem>();
  node.answer = (query, self) => {
    arrived += 1;
    // Nobody reads these, and they would fill the memory.
    self.queries.length = 0;
    const key = asBytes(query.parameters.get('k'));
    const target = key ? createHash('sha1').update(key).digest() : (asBytes(query.parameters.get('target')) ?? []);
    const name = Buffer.from(target).toString('hex');
    self.held = packets.get(name) ?? null;
    const answered = answer(query, self);
    if (self.held !== null) packets.set(name, self.held);
    return answered;
  };
}

const { live, bootstrap } = await startSimulatedNetwork({ live: Number(process.argv[2]) });
for (const node of live) keepMany(node);

const work = {
  async bootstrap(): Promise<Address[]> {
    return bootstrap.map(({ host, port }) => ({ host, port }));
  },
  /** How many queries have reached all nodes. */
  async arrived() {
    return arrived;
  },
};

export type ManyPacketsWork = typeof work;

serve(work);
