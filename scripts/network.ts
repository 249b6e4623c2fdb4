/** `npm run network`: a private DHT on this machine until Ctrl-C. */
import { parseArgs } from 'node:util';
import { startPrivateNetwork } from '../src/dht/private-network.ts';

const { values } = parseArgs({
  options: { nodes: { type: 'string', default: '20' }, port: { type: 'string', default: '0' } },
});

const network = await startPrivateNetwork({ nodes: Number(values.nodes), port: Number(values.port) });
console.log(`A private DHT of ${values.nodes} nodes runs on this machine until Ctrl-C. In other terminals:\n`);
console.log(`export CCLINK_BOOTSTRAP=${network.bootstrap}`);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    void network.close();
  });
}
