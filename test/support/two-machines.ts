import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { type PrivateNetwork, startPrivateNetwork } from '../../src/dht/private/private-network.ts';
import { Machine } from './machine.ts';

/** Set by `useTwoMachines`: a private network for all tests of a file, and two machines for each of them. */
export let network: PrivateNetwork;
export let laptop: Machine;
export let desk: Machine;

/** Called once at the top of a test file. Both machines have the same project folder. */
export function useTwoMachines(nodes: number): void {
  beforeAll(async () => {
    network = await startPrivateNetwork({ nodes });
  });
  afterAll(() => network.close());
  beforeEach(() => {
    laptop = new Machine('laptop', network.bootstrap);
    desk = new Machine('desk', network.bootstrap, laptop.project);
  });
  afterEach(() => {
    laptop.remove();
    desk.remove();
  });
}

/** Gives both machines one key and a session whose files are on both. Returns the public key. */
export async function shareKeyAndSession(): Promise<string> {
  const publicKey = await laptop.init();
  desk.takeKeyOf(laptop);
  laptop.addSession();
  desk.takeSessionsOf(laptop);
  desk.installClaude();
  return publicKey;
}
