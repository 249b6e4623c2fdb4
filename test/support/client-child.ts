/** A client of the DHT, as a process that says what it finds and how it fares (`startWorkingChild`). */
import type { Socket } from 'node:dgram';
import { subscribe } from 'node:diagnostics_channel';
import { Session } from 'node:inspector/promises';
import { openDht } from '../../src/dht/client.ts';
import type { Address } from '../../src/dht/krpc.ts';
import type { MutableItem } from '../../src/dht/mutable-item.ts';
import { serve } from './working-child.ts';

let arrived = 0;
subscribe('udp.socket', (message) => {
  const { socket } = message as { socket: Socket };
  socket.on('message', () => {
    arrived += 1;
  });
});

/** V8 counts the calls of all functions. */
const inspector = new Session();
inspector.connect();
await inspector.post('Profiler.enable');
await inspector.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });

const bootstrap = JSON.parse(process.argv[2] ?? '') as Address[];
const dht = openDht({ bootstrap });

/** What the process does. */
const work = {
  /** What is found under a key (32 bytes). */
  async resolve(publicKey: Uint8Array) {
    let first: MutableItem | null = null;
    const onFirst = (item: MutableItem) => {
      first = item;
    };
    const { newest, conflict } = await dht.resolve(publicKey, { onFirst });
    return { first: first as MutableItem | null, newest, conflict };
  },
  /** Puts an item; what stood there before, and how many nodes hold it. */
  async put(item: MutableItem) {
    const from = await dht.resolve(item.publicKey);
    const { holders } = await dht.put(item, { from });
    return { base: from.newest, holders };
  },
  /** How many datagrams have come to the client's socket. */
  async arrived() {
    return arrived;
  },
  /** How many of them the client has read (`parseAnswer`). */
  async read() {
    const { result } = await inspector.post('Profiler.takePreciseCoverage');
    const file = result.find(({ url }) => url.endsWith('/src/dht/krpc.ts'));
    const { ranges } = file?.functions.find(({ functionName }) => functionName === 'parseAnswer') ?? { ranges: [] };
    return ranges[0]?.count ?? 0;
  },
  /** What the process keeps, in bytes. */
  async memory() {
    globalThis.gc?.();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  },
};

export type ClientWork = typeof work;

serve(work);
