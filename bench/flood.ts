import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { encode } from '../src/dht/bencode.ts';
import type { Address } from '../src/dht/krpc.ts';
import type { SimulatedNode } from '../test/support/simulated-node.ts';

const STRANGERS = 8;

/** Noise, and one datagram of each kind known to crash or slow down some DHT program. */
const DATAGRAMS: readonly Uint8Array[] = [
  Buffer.from('l-3:'),
  Buffer.from('d1:yd8:toStringi1eee'),
  Buffer.from('d1:rd2:idi1ee1:t4:aaaa1:y1:re'),
  Buffer.from('d1:eld8:toStringi1eee1:t4:aaaa1:y1:ee'),
  Buffer.from('d9:__proto__d1:y1:ree'),
  Buffer.from(`d1:rd2:id20:${'x'.repeat(20)}e1:t4:aaaa1:y${'l'.repeat(900)}`),
  Buffer.from(`1:${'9'.repeat(500)}`),
  Buffer.from(encode({ t: 'aaaa', y: 'r', r: { id: randomBytes(20), nodes: randomBytes(26 * 30), token: 't' } })),
  Buffer.from(encode({ t: 'aaaa', y: 'q', q: 'ping', a: { id: randomBytes(20) } })),
  ...Array.from({ length: 7 }, (_, i) => randomBytes(1 + 160 * i)),
];

/**
 * Waits for the next query to any of the nodes, and sends noise to the client that asked: half of it from the
 * nodes' own addresses, where the client has to inspect it, half from strangers'. Resolves to the number of
 * datagrams.
 */
export async function flood(nodes: readonly SimulatedNode[], perSecond: number, seconds: number): Promise<number> {
  const client = await nextClient(nodes);
  const strangers = await Promise.all(Array.from({ length: STRANGERS }, stranger));
  const began = performance.now();
  let sent = 0;
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const elapsed = performance.now() - began;
      // Catch up in small bursts, so that the nodes' answers still get out in between.
      const due = Math.min((elapsed * perSecond) / 1000, sent + 500);
      for (; sent < due; sent += 1) {
        const datagram = DATAGRAMS[sent % DATAGRAMS.length] as Uint8Array;
        const turn = sent >> 1;
        if (sent % 2 === 0) nodes[turn % nodes.length]?.send(datagram, client);
        else strangers[turn % STRANGERS]?.send(datagram, client.port, client.host, () => {});
      }
      if (elapsed < seconds * 1000) return;
      clearInterval(timer);
      resolve();
    }, 1);
  });
  for (const socket of strangers) socket.close();
  return sent;
}

function nextClient(nodes: readonly SimulatedNode[]): Promise<Address> {
  return new Promise((resolve) => {
    const known = new Map(nodes.map((node) => [node, node.queries.length]));
    const timer = setInterval(() => {
      for (const [node, before] of known) {
        const query = node.queries[before];
        if (query === undefined) continue;
        clearInterval(timer);
        resolve(query.from);
      }
    }, 1);
  });
}

async function stranger(): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.on('error', () => {});
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return socket;
}
