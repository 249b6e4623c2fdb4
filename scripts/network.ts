/** `npm run network`: a private DHT on this machine until Ctrl-C. */
import { parseArgs } from 'node:util';
import { startPrivateNetwork } from '../src/dht/private/private-network.ts';

const { values } = parseArgs({
  options: { nodes: { type: 'string', default: '20' }, port: { type: 'string', default: '0' } },
});
const [nodes, port] = [Number(values.nodes), Number(values.port)];
if (!Number.isInteger(nodes) || nodes < 1 || !Number.isInteger(port) || port < 0 || port > 65535) {
  console.error('usage: npm run network -- [--nodes 20] [--port 20001]');
  process.exit(2);
}

const network = await startPrivateNetwork({ nodes, port });
console.log(`A private DHT of ${nodes} nodes runs on this machine until Ctrl-C. In other terminals:\n`);
console.log(`export CCLINK_BOOTSTRAP=${network.bootstrap}`);

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void network.close());
