import { onTestFinished } from 'vitest';
import { parseBootstrap } from '../../src/dht/bootstrap.ts';
import { type Dht, type DhtOptions, openDht } from '../../src/dht/client.ts';
import { type SimulatedNetwork, startSimulatedNetwork } from './simulated-network.ts';
import { type SimulatedNode, startNode } from './simulated-node.ts';

/** Closes something when the test is over. Returns it. */
export function closedAfterTest<T extends { close(): void }>(one: T): T {
  onTestFinished(() => one.close());
  return one;
}

export const nodeForTest = async (...args: Parameters<typeof startNode>): Promise<SimulatedNode> =>
  closedAfterTest(await startNode(...args));

export const networkForTest = async (...args: Parameters<typeof startSimulatedNetwork>): Promise<SimulatedNetwork> =>
  closedAfterTest(await startSimulatedNetwork(...args));

/** `bootstrap` may be text, as in CCLINK_BOOTSTRAP. */
export const clientForTest = (bootstrap: DhtOptions['bootstrap'] | string): Dht =>
  closedAfterTest(openDht({ bootstrap: typeof bootstrap === 'string' ? parseBootstrap(bootstrap) : bootstrap }));
