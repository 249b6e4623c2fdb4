/** A DHT client as a child process that reports what it finds and how it fares (`startWorkingChild`). */
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

/** Has V8 count the calls of every function. */
const inspector = new Session();
inspector.connect();
await inspector.post('Profiler.enable');
await inspector.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });

const bootstrap = JSON.parse(process.argv[2] ?? '') as Address[];
const dht = openDht({ bootstrap });

const work = {
  /** Resolves a key (32 bytes). */
  async resolve(publicKey: Uint8Array) {
    let first: MutableItem | null = null;
    const onFirst = (item: MutableItem) => {
      first = item;
    };
    const { newest, conflict } = await dht.resolve(publicKey, { onFirst });
    return { first: first as MutableItem | null, newest, conflict };
  },
  /** Puts an item. Returns what was there before, and how many nodes hold it. */
  async put(item: MutableItem) {
    const from = await dht.resolve(item.publicKey);
    const { holders } = await dht.put(item, { from });
    return { base: from.newest, holders };
  },
  /** How many datagrams have reached the client's socket. */
  async arrived() {
    return arrived;
  },
  /** How many of them the client has parsed (`parseAnswer`). */
  async read() {
    const { result } = await inspector.post('Profiler.takePreciseCoverage');
    const file = result.find(({ url }) => url.endsWith('/src/dht/krpc.ts'));
    const { ranges } = file?.functions.find(({ functionName }) => functionName === 'parseAnswer') ?? { ranges: [] };
    return ranges[0]?.count ?? 0;
  },
  /** How many bytes the process keeps after a garbage collection. */
  async memory() {
    globalThis.gc?.();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  },
};

export type ClientWork = typeof work;

serve(work);
