import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as rest } from 'node:timers/promises';
import { openDht } from '../../src/dht/client.ts';
import { Failure } from '../../src/failure.ts';
import { idFor } from './public-node-id.ts';
import { startSimulatedNetwork } from './simulated-network.ts';
import { byDistance } from './simulated-node.ts';
import { testKey } from './test-key.ts';

// Runs where every address is this machine's. In `lost-link.ts <folder> <scenario>` (JSON), a client loses
// its link to a network of 40 nodes; prints what it did before, meanwhile and after as JSON. Bootstrap nodes
// aside, the 8 closest nodes hold the packet.

/** How the link is lost, when, and for how long. */
export interface Scenario {
  /** Datagrams are lost on the way, or can't be sent at all, as when no network interface is left. */
  readonly lost: 'silently' | 'no route';
  /**
   * Before a client's second look-up, or in the middle of its first one, after the bootstrap nodes answered.
   */
  readonly when: 'before' | 'in the middle';
  /** Null: until two operations are over. */
  readonly backAfterMs: number | null;
}

/** The result of an operation. */
export interface Result {
  /** The packet found, or how many nodes hold what was put; null if nothing was found, or if it failed. */
  readonly found: string | number | null;
  readonly failure: { readonly code: string; readonly message: string } | null;
  readonly milliseconds: number;
}

export interface Outcome {
  readonly lookUp: Result;
  /** A put while the link was still lost; null if the link came back by itself. */
  readonly put: Result | null;
  readonly lookUpAfter: Result;
  readonly putAfter: Result;
  /** Lines for nodes that the client's file says were silent in the end. All of them answer when reached. */
  readonly silent: readonly string[];
}

const NODES = 40;
const DELAY_MS = 15;
const BOOTSTRAP = 3;
const HOLDERS = 8;
const { publicKey, target, item } = testKey(7);

const [folder = '', json = ''] = process.argv.slice(2);
const { lost, when, backAfterMs } = JSON.parse(json) as Scenario;

const network = await startSimulatedNetwork({
  live: NODES,
  delayMs: DELAY_MS,
  address: (i) => {
    const host = `${11 + i}.${i}.0.1`;
    return { host, id: idFor(host, `node ${i}`) };
  },
});
for (const node of byDistance(network.live.slice(BOOTSTRAP), target).slice(0, HOLDERS)) node.held = item(1, 'there');
const bootstrap = network.bootstrap.map(({ host, port }) => ({ host, port }));
const dht = openDht({ bootstrap, cacheFolder: folder });

const ip = (command: string) => execFileSync('ip', command.split(' '));

function lose(): void {
  ip(lost === 'silently' ? 'link set lo down' : 'route del local 0.0.0.0/0 dev lo');
}

function bringBack(): void {
  ip('link set lo up');
  ip('route replace local 0.0.0.0/0 dev lo');
}

/** Calls back at the fourth query: by then, at least one of the three bootstrap nodes has answered. */
function inTheMiddle(then: () => void): void {
  let arrived = 0;
  for (const node of network.live) {
    const { answer } = node;
    node.answer = (query, self) => {
      arrived += 1;
      if (arrived === BOOTSTRAP + 1) then();
      return answer(query, self);
    };
  }
}

async function resultOf(work: Promise<string | number | null>): Promise<Result> {
  const began = performance.now();
  const outcome = await work.then(
    (found) => ({ found, failure: null }),
    (error) => {
      if (!(error instanceof Failure)) throw error;
      return { found: null, failure: { code: error.code, message: error.message } };
    },
  );
  return { ...outcome, milliseconds: performance.now() - began };
}

const resolve = () =>
  resultOf(dht.resolve(publicKey).then(({ newest }) => newest && Buffer.from(newest.value).toString()));
const put = (seq: number) => resultOf(dht.put(item(seq, 'put')).then(({ holders }) => holders));

if (when === 'before') {
  await dht.resolve(publicKey);
  lose();
} else {
  inTheMiddle(() => {
    lose();
    if (backAfterMs !== null) setTimeout(bringBack, backAfterMs);
  });
}
const lookUp = await resolve();
const putMeanwhile = backAfterMs === null ? await put(2) : null;
if (backAfterMs === null) bringBack();
else await rest(backAfterMs);
const lookUpAfter = await resolve();
const putAfter = await put(3);
dht.close();
network.close();
const lines = readFileSync(join(folder, 'nodes.txt'), 'utf8').split('\n');
const silent = lines.filter((line) => line.startsWith('silent '));
const outcome: Outcome = { lookUp, put: putMeanwhile, lookUpAfter, putAfter, silent };
console.log(JSON.stringify(outcome));
