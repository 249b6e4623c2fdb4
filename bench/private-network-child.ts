/** The private network in a process of its own. Each line on standard input ends the one that runs and starts a new one. */
import { createInterface } from 'node:readline';
import { startPrivateNetwork } from '../src/dht/private-network.ts';

let network: Awaited<ReturnType<typeof startPrivateNetwork>> | undefined;
for await (const _line of createInterface({ input: process.stdin })) {
  await network?.close();
  network = await startPrivateNetwork({ nodes: 20 });
  console.log(network.bootstrap);
}
await network?.close();
