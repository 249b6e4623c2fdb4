/** A private DHT of 20 nodes, as a child process that is given work (`startWorkingChild`). */
import { type PrivateNetwork, startPrivateNetwork } from '../src/dht/private/private-network.ts';
import { serve, type WorkingChild } from '../test/support/working-child.ts';

let network: PrivateNetwork | undefined;

const work = {
  /** Replaces the network by a fresh one, without traces of earlier clients. Returns its CCLINK_BOOTSTRAP. */
  async renew(): Promise<string> {
    await network?.close();
    network = await startPrivateNetwork({ nodes: 20 });
    return network.bootstrap;
  },
};

export type PrivateNetworkWork = typeof work;
export type PrivateNetworkProcess = WorkingChild<PrivateNetworkWork>;

serve(work);
