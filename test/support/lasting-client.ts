/** A long-lived DHT client as a child process that reports how it fares (`startWorkingChild`). */
import { createHash } from 'node:crypto';
import { EventEmitter, getEventListeners } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type DhtOptions, openDht } from '../../src/dht/client.ts';
import { Deadline } from '../../src/dht/deadline.ts';
import type { MutableItem } from '../../src/dht/mutable-item.ts';
import { Pace } from '../../src/dht/pace.ts';
import type { Rpc } from '../../src/dht/rpc.ts';
import { LEAST_HOLDERS } from '../../src/dht/store.ts';
import { type TestKey, testKey } from './test-key.ts';
import { serve } from './working-child.ts';

/** How many keys have packets, and how many operations run at once. */
const KEYS = 240;
const AT_ONCE = 16;

const dht = openDht(JSON.parse(process.argv[2] ?? '') as DhtOptions);
/** One signal for all operations, so that a listener left behind shows. */
const { signal } = new AbortController();

const warnings: string[] = [];
process.on('warning', (warning) => warnings.push(String(warning)));

/** Each worker has keys of its own, so that it knows what is under each. */
const workers = Array.from({ length: AT_ONCE }, (_, worker) => {
  const numbers = Array.from({ length: KEYS }, (_, i) => i + 1).filter((number) => number % AT_ONCE === worker);
  return { worker, keys: numbers.map((number) => ({ key: testKey(number), seq: 0 })), turn: 0 };
});
/** Puts that have not reached their last nodes yet. */
const unsettled = new Set<Promise<unknown>>();

/**
 * Of ten operations with a key, the first puts a packet, the next three find it, and the others find nothing
 * under keys that nobody has.
 */
async function operate(worker: (typeof workers)[number]): Promise<void> {
  const { turn } = worker;
  worker.turn += 1;
  const own = worker.keys[Math.floor(turn / 10) % worker.keys.length] as { key: TestKey; seq: number };
  if (turn % 10 === 0) {
    own.seq += 1;
    const { holders, settled } = await dht.put(own.key.item(own.seq), { signal });
    unsettled.add(settled);
    void settled.then(() => unsettled.delete(settled));
    if (holders < LEAST_HOLDERS) throw new Error(`only ${holders} nodes took a packet`);
    return;
  }
  const isOwn = turn % 10 <= 3;
  const nobodys = createHash('sha256').update(`${worker.worker} ${turn}`).digest();
  const { newest } = await dht.resolve(isOwn ? own.key.publicKey : nobodys, { signal });
  const wanted = isOwn ? own.seq : undefined;
  if (newest?.seq !== wanted) throw new Error(`found ${newest?.seq} where ${wanted} stands`);
}

/** The size of each collection, and the number of listeners of each emitter, by path. */
function sizes(within: object, path = '', seen = new Set<unknown>()): Record<string, number> {
  const found: Record<string, number> = {};
  for (const [name, value] of Object.entries(within) as [string, unknown][]) {
    if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || seen.has(value)) continue;
    seen.add(value);
    const at = path === '' ? name : `${path}.${name}`;
    if (Array.isArray(value)) found[at] = value.length;
    else if (value instanceof Map || value instanceof Set) found[at] = value.size;
    else if (value instanceof AbortController) found[at] = getEventListeners(value.signal, 'abort').length;
    else if (value instanceof EventEmitter) {
      found[at] = value.eventNames().reduce((sum, event) => sum + value.listenerCount(event), 0);
    } else Object.assign(found, sizes(value, at, seen));
  }
  return found;
}

const resources = (kind: string) => process.getActiveResourcesInfo().filter((each) => each === kind).length;

const work = {
  async pid() {
    return process.pid;
  },
  /** From now on sends as fast as it can: at its own pace, 10,000 operations take a quarter of an hour. */
  async hurry() {
    Pace.prototype.take = () => 0;
  },
  /** Does this many operations, several at once. Returns the errors of those that failed. */
  async operate(count: number) {
    const failures: string[] = [];
    let left = count;
    const all = workers.map(async (worker) => {
      while (left > 0) {
        left -= 1;
        await operate(worker).catch((error) => failures.push(String(error)));
      }
    });
    await Promise.all(all);
    await Promise.all(unsettled);
    return failures;
  },
  /** Looks a key up several times at once. Returns what each found, or why not, and how long all took. */
  async resolve(publicKey: Uint8Array, deadlineMs: number, times = 1) {
    const began = performance.now();
    const lookUps = Array.from({ length: times }, () =>
      dht.resolve(publicKey, { signal, deadline: new Deadline(deadlineMs) }).then(
        ({ newest }) => newest?.seq ?? null,
        (error) => String(error),
      ),
    );
    return { found: await Promise.all(lookUps), milliseconds: performance.now() - began };
  },
  /** Puts an item. Returns how many nodes hold it, or why none do, and how long that took. */
  async put(item: MutableItem, deadlineMs: number) {
    const began = performance.now();
    const holders = await dht.put(item, { signal, deadline: new Deadline(deadlineMs) }).then(
      ({ holders }) => holders,
      (error) => String(error),
    );
    return { holders, milliseconds: performance.now() - began };
  },
  /** How long nodes are waited for. */
  async limits() {
    const rpc = Reflect.get(dht, 'rpc') as Rpc;
    return { ...rpc.limits(), medianMs: rpc.medianRoundTripMs() };
  },
  /** What the process holds open, and what the client keeps. */
  async kept() {
    return {
      sockets: resources('UDPWrap'),
      timers: resources('Timeout'),
      listeners: getEventListeners(signal, 'abort').length,
      sizes: sizes(dht),
      warnings,
    };
  },
  /** How many bytes it keeps after garbage collections. */
  async memory() {
    for (let turn = 0; turn < 3; turn += 1) {
      globalThis.gc?.();
      await nextTurn();
    }
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  },
  async close() {
    dht.close();
  },
};

export type LastingClientWork = typeof work;

serve(work);
