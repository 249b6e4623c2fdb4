import { createSocket, type Socket } from 'node:dgram';
import { asBytes, asDictionary, decode, encode } from '../../src/dht/bencode.ts';
import { getQuery } from '../../src/dht/krpc.ts';
import { Rpc } from '../../src/dht/rpc.ts';
import { idFor } from './public-node-id.ts';

// Run where every address is this machine's: `public-nodes.ts <host>...` starts a node at each, all on one port, asks each, and
// prints the id (in hexadecimal) that each answered with, or why it did not.
const PORT = 6881;

async function startNode(host: string): Promise<Socket> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(PORT, host, resolve));
  socket.on('message', (datagram, from) => {
    const t = asBytes(asDictionary(decode(datagram))?.get('t')) ?? '';
    socket.send(encode({ r: { id: idFor(host, 'node') }, t, y: 'r' }), from.port, from.address);
  });
  return socket;
}

async function ask(rpc: Rpc, host: string): Promise<string> {
  const answer = await rpc.request({ host, port: PORT }, getQuery(new Uint8Array(20), new Uint8Array(20)));
  if (typeof answer === 'string') return answer;
  return answer.kind === 'error' ? answer.message : Buffer.from(answer.id).toString('hex');
}

const hosts = process.argv.slice(2);
const nodes = await Promise.all(hosts.map(startNode));
const rpc = new Rpc();
console.log(JSON.stringify(await Promise.all(hosts.map((host) => ask(rpc, host)))));
rpc.close();
for (const node of nodes) node.close();
