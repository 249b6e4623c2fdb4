import { createHash } from 'node:crypto';
import { type Dht, openDht } from '../../src/dht/client.ts';
import { type NodeAddress, parseCompactNodes } from '../../src/dht/krpc.ts';
import { idFor } from './public-node-id.ts';
import { startSimulatedNetwork } from './simulated-network.ts';
import { byDistance, compact, type SimulatedNode, startNode } from './simulated-node.ts';
import { type Stranger, startStranger } from './stranger.ts';
import { testKey } from './test-key.ts';

// Runs where every address is this machine's: `public-nodes.ts <scenario>...` (JSON) plays each scenario, and
// prints a JSON array of the outcomes.

/** A network of 80 honest nodes, each in its own /24. The two closest to the key hold the newest packet. */
export interface Scenario {
  /** Which of them have an id that fits their address (BEP 42). */
  readonly fitting: 'all' | 'every other' | 'none';
  /** Half of the nodes that any honest node names are the stranger's. */
  readonly stranger?: Stranger;
}

/** The outcome of one client's resolve, and of another's publish after it. */
export interface Outcome {
  /** The packet that was found. */
  readonly found: string | null;
  /** How many honest nodes hold what was published. */
  readonly holders: number;
  /** How many of the 8 nodes that count as the closest are the stranger's. */
  readonly strangersAmongClosest: number;
  /** How many of the stranger's nodes the resolve asked. */
  readonly strangersAsked: number;
  /** How many nodes the resolve asked in all. */
  readonly asked: number;
  /** How many queries of the resolve arrived. */
  readonly queries: number;
  readonly milliseconds: number;
  /** The local addresses at which anything arrived. */
  readonly localAsked: readonly string[];
}

const HONEST = 80;
/** How long an honest node takes to answer; the stranger is faster. */
const DELAY_MS = 15;
const LOCAL = ['127.0.0.1', '127.9.9.9', '10.0.0.1', '172.16.0.1', '172.31.9.9', '192.168.0.1', '169.254.1.1'];
/** Nobody listens there. */
const SILENT = { host: '11.0.0.1', port: 9 };

const { publicKey, target, item } = testKey(7);
const OLD = item(10, 'old');
const NEWEST = item(20, 'newest');
const PUBLISHED = item(30, 'published');

async function play({ fitting, stranger }: Scenario): Promise<Outcome> {
  const network = await startSimulatedNetwork({
    live: HONEST,
    delayMs: DELAY_MS,
    address: (i) => addressOf(i, fitting),
  });
  const honest = byDistance(network.live, target);
  const holders = honest.slice(0, 2);
  for (const node of holders) node.held = NEWEST;
  const local = await Promise.all(
    LOCAL.map((host, i) => startNode(() => null, { host, id: target.with(19, (target[19] ?? 0) ^ (i + 1)) })),
  );
  const strangers =
    stranger === undefined ? [] : await startStranger(stranger, { target, oldPacket: OLD, holders, local });
  const all = [...network.live, ...strangers];
  // Nodes on the internet can't lead to our own network: there, the stranger is the bootstrap node.
  const bootstrap = stranger?.at === 'our own network' ? strangers.slice(0, 1) : farFrom(holders, honest);
  // A stranger who leads on step by step is first met far off.
  if (strangers.length > 0) mixIn(stranger?.leadsOn ? strangers.slice(-4) : strangers, network.live);

  const found = await withClient(bootstrap, (dht) => dht.resolve(publicKey));
  const wasAsked = ({ queries }: SimulatedNode) => queries.length > 0;
  const queries = all.flatMap((node) => node.queries).length;
  const strangersAsked = strangers.filter(wasAsked).length;
  const isHis = ({ host }: NodeAddress) => strangers.some((node) => node.host === host);
  // A failure shows in what the honest nodes hold.
  await withClient(bootstrap, (dht) => dht.put(PUBLISHED)).catch(() => {});
  const outcome = {
    found: found.newest && Buffer.from(found.newest.value).toString(),
    holders: honest.filter(({ held }) => held?.seq === PUBLISHED.seq).length,
    strangersAmongClosest: found.nodes.slice(0, 8).filter(isHis).length,
    strangersAsked,
    asked: found.network.asked,
    queries,
    milliseconds: found.network.milliseconds,
    localAsked: local.filter(wasAsked).map(({ host }) => host),
  };
  network.close();
  for (const node of [...strangers, ...local]) node.close();
  return outcome;
}

/** Id and host of an honest node. */
function addressOf(i: number, fitting: Scenario['fitting']): { id: Uint8Array; host: string } {
  const host = `${11 + i}.${(i * 67) % 256}.${(i * 29) % 256}.${1 + ((i * 97) % 254)}`;
  const fits = fitting === 'all' || (fitting === 'every other' && i % 2 === 0);
  return { host, id: fits ? idFor(host, `${i}`) : createHash('sha1').update(host).digest() };
}

/**
 * The ten closest nodes that name none of the holders, and a silent one, so that the walk has some way to go.
 */
function farFrom(holders: readonly NodeAddress[], closestFirst: readonly SimulatedNode[]): NodeAddress[] {
  const isHolder = ({ host }: NodeAddress) => holders.some((holder) => holder.host === host);
  const far = closestFirst.filter((node) => !isHolder(node) && !namedBy(node).some(isHolder));
  return [...far.slice(0, 10), { ...SILENT, id: target }];
}

/** The nodes that a node names when asked for the key. */
function namedBy(node: SimulatedNode): NodeAddress[] {
  const parameters = new Map([['target', target]]);
  const query = { name: 'find_node', parameters, transaction: Buffer.alloc(4), readOnly: true, from: SILENT };
  const answer = node.answer(query, node);
  const nodes = answer !== null && 'r' in answer ? answer.r['nodes'] : undefined;
  return nodes instanceof Uint8Array ? (parseCompactNodes(nodes) ?? []) : [];
}

/** Has each honest node name four of the stranger's nodes, and only the four closest of its own. */
function mixIn(strangers: readonly SimulatedNode[], honest: readonly SimulatedNode[]): void {
  for (const [i, node] of honest.entries()) {
    const { answer } = node;
    const his = compact([0, 1, 2, 3].flatMap((n) => strangers[(4 * i + n) % strangers.length] ?? []));
    node.answer = (query, self) => {
      const said = answer(query, self);
      if (said === null || !('r' in said) || !(said.r['nodes'] instanceof Uint8Array)) return said;
      return { r: { ...said.r, nodes: Buffer.concat([his, said.r['nodes'].subarray(0, his.length)]) } };
    };
  }
}

async function withClient<T>(bootstrap: readonly NodeAddress[], work: (dht: Dht) => Promise<T>): Promise<T> {
  const dht = openDht({ bootstrap });
  try {
    return await work(dht);
  } finally {
    dht.close();
  }
}

const outcomes: Outcome[] = [];
for (const scenario of process.argv.slice(2)) outcomes.push(await play(JSON.parse(scenario)));
console.log(JSON.stringify(outcomes));
