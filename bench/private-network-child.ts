/** A private DHT of 20 nodes, as a process that does what it is asked to (`startWorkingChild`). */
import { type PrivateNetwork, startPrivateNetwork } from '../src/dht/private/private-network.ts';
import { serve, type WorkingChild } from '../test/support/working-child.ts';

let network: PrivateNetwork | undefined;

/** What the process does. */
const work = {
  /** Replaces the network by a new one, in which nobody has left a trace; its CCLINK_BOOTSTRAP. */
  async renew(): Promise<string> {
    await network?.close();
    network = await startPrivateNetwork({ nodes: 20 });
    return network.bootstrap;
  },
};

export type PrivateNetworkWork = typeof work;
export type PrivateNetworkProcess = WorkingChild<PrivateNetworkWork>;

serve(work);
