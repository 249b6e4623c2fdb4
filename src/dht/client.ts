import { randomBytes } from 'node:crypto';
import { type Bootstrap, type HostPort, resolveBootstrap } from './bootstrap.ts';
import { Deadline } from './deadline.ts';
import { KnownNodes } from './known-nodes.ts';
import type { Address, NodeAddress } from './krpc.ts';
import { type MutableItem, sameItem, supersedes, target } from './mutable-item.ts';
import { noNetwork, timedOut } from './network-failure.ts';
import { Operation } from './operation.ts';
import { Rpc } from './rpc.ts';
import { CLOSEST, type Condition, Store, type StoreReport } from './store.ts';
import { type AnsweredNode, type WalkResult, walk, walkWider } from './walk.ts';

/** A client of the DHT for small signed packets, one for each key. It may live for days and serve many keys, several at once. */
export interface Dht {
  /**
   * Finds the newest packet under a key (32 bytes): walks until the closest live nodes have answered.
   *
   * Throws `network` where there is no network, each cause told apart, or where the time ran out; `interrupted` when the signal is
   * aborted or the client closed.
   */
  resolve(publicKey: Uint8Array, options?: ResolveOptions): Promise<Resolution>;

  /**
   * Puts a signed packet to the 20 closest nodes, and to every node that is seen to hold another packet of the key.
   *
   * Fulfilled once 8 nodes give it back, or nothing more can come; `settled` tells what became of the rest. How many nodes are
   * enough is the caller's to say. It is not put where a newer packet is known already. Throws as `resolve` does, which it
   * begins with unless `from` is given.
   */
  put(item: MutableItem, options?: PutOptions): Promise<Put>;

  /** Ends everything that is under way; nothing keeps the process alive after it. */
  close(): void;
}

/** What ends an operation early. */
export interface OperationOptions {
  /** 20 s for this operation alone if it is not given. */
  readonly deadline?: Deadline | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ResolveOptions extends OperationOptions {
  /** Told of the first verified packet, which may be an old one. */
  readonly onFirst?: ((item: MutableItem) => void) | undefined;
}

export interface PutOptions extends OperationOptions {
  /** A resolution of the same key: what the packet is built on, and whom to put it to. Minutes old at most: tokens expire. */
  readonly from?: Resolution | undefined;
  /** The `seq` that the packet was built on, that of the newest in `from` if it is not given: what is not higher is merely old. */
  readonly base?: number | undefined;
  /** The `seq` of earlier attempts at the same. */
  readonly attempts?: readonly number[] | undefined;
  /** What must be true of a node for it to take the packet: that what it holds is `older`, unless said otherwise. */
  readonly condition?: Condition | undefined;
  /**
   * Checks each node right before the put, and again a quarter of a second after it: of several that put over the same packet at
   * the same moment at most one has done it then, perhaps none. `settled` tells.
   */
  readonly isContested?: boolean | undefined;
}

/** What a walk found. */
export interface Resolution {
  /** The key (32 bytes) that was looked up. */
  readonly publicKey: Uint8Array;
  /** Verified; null if there is no packet under the key. */
  readonly newest: MutableItem | null;
  /** True if two different packets with the newest `seq` were signed by the key. */
  readonly conflict: boolean;
  /** How many nodes gave the newest packet. */
  readonly holders: number;
  readonly network: NetworkReport;
  /** The nodes that replied, the closest to the key first. */
  readonly nodes: readonly AnsweredNode[];
  /** Nodes that were named and did not reply, or that there was no need to ask; and those of them that were silent. */
  readonly unheard: readonly NodeAddress[];
  readonly silent: readonly Address[];
  /** When it was begun and done, in Unix milliseconds: a clock that goes on while the machine sleeps. */
  readonly begunAtMs: number;
  readonly doneAtMs: number;
}

/** A packet that was put. */
export interface Put extends StoreReport {
  /** What became of it on all nodes, at most 400 ms later; a contested write takes longer. Never rejects. */
  readonly settled: Promise<StoreReport>;
}

/** What a walk took. */
export interface NetworkReport {
  readonly asked: number;
  readonly answered: number;
  /** Asked, and without an answer when the walk was done. */
  readonly dead: number;
  /** Bootstrap names without an address. */
  readonly unresolved: readonly string[];
  readonly milliseconds: number;
}

/** The most time for an operation, in milliseconds, where none is given. */
const DEFAULT_DEADLINE_MS = 20_000;
/** How long the addresses of the bootstrap names count, in milliseconds. */
const BOOTSTRAP_MS = 3_600_000;

export interface DhtOptions {
  readonly bootstrap: readonly HostPort[];
  /** Where nodes that answered are kept for the next client; none are if it is not given. */
  readonly cacheFolder?: string;
  /** Told in plain words what happens. */
  readonly trace?: (line: string) => void;
}

/** Opens a client. It sends nothing before its first use. */
export function openDht(options: DhtOptions): Dht {
  return new Client(options);
}

class Client implements Dht {
  private readonly rpc = new Rpc();
  private readonly id = randomBytes(20);
  private readonly options: DhtOptions;
  private readonly underWay = new Set<Operation>();
  private readonly closing = new AbortController();
  private bootstrap: Bootstrap | undefined;
  private bootstrapAtMs = 0;
  private knownNodes: KnownNodes | undefined;

  constructor(options: DhtOptions) {
    this.options = options;
  }

  resolve(publicKey: Uint8Array, options: ResolveOptions = {}): Promise<Resolution> {
    const { operation, deadline } = this.begin(options);
    const resolution = this.walk(publicKey, operation, deadline, options.onFirst).finally(() => this.end(operation));
    // Whoever began a look-up early may have failed for another reason before he waits for it.
    resolution.catch(() => {});
    return resolution;
  }

  async put(item: MutableItem, options: PutOptions = {}): Promise<Put> {
    const { operation, deadline } = this.begin(options);
    try {
      const from = options.from ?? (await this.walk(item.publicKey, operation, deadline));
      const { enough, settled } = this.store(item, from, options, operation);
      void settled.then(() => this.end(operation));
      const report = await enough;
      operation.throwIfInterrupted();
      return { ...report, settled };
    } catch (error) {
      this.end(operation);
      throw error;
    }
  }

  close(): void {
    this.closing.abort();
    for (const operation of this.underWay) operation.interrupt();
    this.rpc.close();
    this.knownNodes?.save();
  }

  private begin({ deadline = new Deadline(DEFAULT_DEADLINE_MS), signal }: OperationOptions) {
    const operation = new Operation(deadline, signal);
    if (this.closing.signal.aborted) operation.interrupt();
    this.underWay.add(operation);
    return { operation, deadline };
  }

  private end(operation: Operation): void {
    operation.end();
    this.underWay.delete(operation);
  }

  private async walk(
    publicKey: Uint8Array,
    operation: Operation,
    deadline: Deadline,
    onFirst?: (item: MutableItem) => void,
  ): Promise<Resolution> {
    const [begunAtMs, began] = [Date.now(), performance.now()];
    const bootstrap = this.bootstrapNodes();
    const known = this.known();
    const starts = known?.startsFor(target(publicKey)) ?? [];
    const result = await walk({ ...this.surroundings(publicKey, operation), starts, bootstrap, onFirst });
    this.learn(publicKey, result);
    const doneAtMs = Date.now();
    const network = networkReport(result, bootstrap.unresolved, performance.now() - began);
    const { newest, conflict, nodes, unheard, silent } = result;
    this.trace(
      `asked ${network.asked} nodes: ${network.answered} answered, ${network.dead} dead; ` +
        `${newest === null ? 'no packet' : `newest seq ${newest.seq}`}; ${network.milliseconds} ms`,
    );
    for (const name of bootstrap.unresolved) this.trace(`no address for ${name}`);
    operation.throwIfInterrupted();
    if (result.answered === 0) this.bootstrap = undefined; // the next attempt looks the names up again
    if (!result.complete) throw timedOut(deadline.milliseconds, result.answered > 0);
    const failure = noNetwork(result, this.options.bootstrap, bootstrap);
    if (failure !== null) throw failure;
    const holders = nodes.filter(({ item }) => item !== null && newest !== null && sameItem(item, newest)).length;
    return { publicKey, newest, conflict, holders, network, nodes, unheard, silent, begunAtMs, doneAtMs };
  }

  private store(
    item: MutableItem,
    from: Resolution,
    { condition = 'older', isContested = false, base, attempts = [] }: PutOptions,
    operation: Operation,
  ): Pick<Store, 'enough' | 'settled'> {
    const { newest } = from;
    if (newest !== null && supersedes(newest, item)) return nothingPut(newest);
    const began = performance.now();
    const surroundings = this.surroundings(item.publicKey, operation);
    const store = new Store({
      ...surroundings,
      item,
      base: base ?? newest?.seq ?? -1,
      attempts,
      condition,
      isContested,
    });
    store.consider(from.nodes);
    const onReply = (nodes: readonly AnsweredNode[]) => store.consider(nodes);
    void walkWider({ ...surroundings, from, closest: CLOSEST, onReply }).then((result) => {
      this.learn(item.publicKey, result);
      store.endOfNodes();
    });
    const traced = (what: string) => (report: StoreReport) => {
      const { tried, holders, older, refusal } = report;
      const milliseconds = Math.round(performance.now() - began);
      this.trace(`${what} ${tried} nodes: ${holders} hold it, ${older.length} give an older one; ${milliseconds} ms`);
      if (refusal !== null) this.trace(`the last refusal: ${refusal}`);
      return report;
    };
    const enough = store.enough.then(traced('put to'));
    const settled = enough.then(() => store.settled).then(traced('in the end put to'));
    return { enough, settled };
  }

  private surroundings(publicKey: Uint8Array, { signal }: Operation) {
    const { rpc, id } = this;
    const known = this.known();
    return { rpc, id, publicKey, wasSilent: (address: Address) => known?.wasSilent(address) ?? false, signal };
  }

  private learn(publicKey: Uint8Array, { nodes, gone }: WalkResult): void {
    this.known()?.learn(target(publicKey), nodes, gone);
  }

  private bootstrapNodes(): Bootstrap {
    const nowMs = performance.now();
    if (this.bootstrap === undefined || nowMs - this.bootstrapAtMs > BOOTSTRAP_MS) {
      this.bootstrap = resolveBootstrap(this.options.bootstrap, this.closing.signal);
      this.bootstrapAtMs = nowMs;
    }
    return this.bootstrap;
  }

  private known(): KnownNodes | undefined {
    const { bootstrap, cacheFolder } = this.options;
    if (cacheFolder !== undefined) this.knownNodes ??= KnownNodes.read(cacheFolder, bootstrap);
    return this.knownNodes;
  }

  private trace(line: string): void {
    this.options.trace?.(line);
  }
}

/** Where a newer packet is known already. */
function nothingPut(overtakenBy: MutableItem): Pick<Store, 'enough' | 'settled'> {
  const report = { holders: 0, tried: 0, answered: 0, older: [], overtakenBy, refusal: null };
  return { enough: Promise.resolve(report), settled: Promise.resolve(report) };
}

function networkReport(result: WalkResult, unresolved: readonly string[], milliseconds: number): NetworkReport {
  const { asked, answered } = result;
  return {
    asked,
    answered,
    dead: asked - answered,
    unresolved: [...unresolved],
    milliseconds: Math.round(milliseconds),
  };
}
