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

/** A DHT client for small signed packets, one per key. It may live for days and serve many keys at once. */
export interface Dht {
  /**
   * Finds the newest packet under a key (32 bytes) by walking until the closest live nodes have answered.
   *
   * Throws `network` if there is no network (the message names the cause) or the time ran out, and
   * `interrupted` if the signal is aborted or the client is closed.
   */
  resolve(publicKey: Uint8Array, options?: ResolveOptions): Promise<Resolution>;

  /**
   * Puts a signed packet to the 20 closest nodes, and to every node seen to hold another packet of the key
   * (40 nodes at most in all).
   *
   * Fulfilled once 8 nodes return the packet when asked, or no more can; `settled` reports on the rest. The
   * caller decides how many nodes are enough. Nothing is put if a newer packet is already known. Begins with
   * a `resolve` unless `from` is given, and throws like it.
   */
  put(item: MutableItem, options?: PutOptions): Promise<Put>;

  /** Ends all operations. Nothing keeps the process alive afterwards. */
  close(): void;
}

/** What ends an operation early. */
export interface OperationOptions {
  /** By default 20 s, for this operation alone. */
  readonly deadline?: Deadline | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ResolveOptions extends OperationOptions {
  /** Called with the first verified packet, which may be an old one. */
  readonly onFirst?: ((item: MutableItem) => void) | undefined;
}

export interface PutOptions extends OperationOptions {
  /**
   * A resolution of the same key, which the packet builds on and whose nodes it is put to. Minutes old at
   * most, because tokens expire.
   */
  readonly from?: Resolution | undefined;
  /**
   * The `seq` of the packet that this one builds on, by default that of the newest in `from`. Only a higher
   * one on a node means that somebody else has published.
   */
  readonly base?: number | undefined;
  /** The `seq` of earlier attempts at this write, which do not count as somebody else's. */
  readonly attempts?: readonly number[] | undefined;
  /** What a node must hold for the packet to replace it, by default something `older`. */
  readonly condition?: Condition | undefined;
  /**
   * Reads each node right before the put and again at least a quarter of a second later, so that of several
   * clients replacing the same packet at the same moment at most one succeeds, perhaps none. `settled` tells.
   */
  readonly isContested?: boolean | undefined;
}

/** What a walk found. */
export interface Resolution {
  /** The key (32 bytes) that was looked up. */
  readonly publicKey: Uint8Array;
  /** Verified; null if there is no packet under the key. */
  readonly newest: MutableItem | null;
  /** True if the key signed two different packets with the newest `seq`. */
  readonly conflict: boolean;
  /** How many nodes returned the newest packet. */
  readonly holders: number;
  readonly network: NetworkReport;
  /** The nodes that replied, in the order of `WalkResult.nodes`. */
  readonly nodes: readonly AnsweredNode[];
  /** Known nodes that did not reply, or did not need to be asked. */
  readonly unheard: readonly NodeAddress[];
  /** Nodes that did not answer within their limit. */
  readonly silent: readonly Address[];
  /** Start and end in Unix milliseconds, a clock that keeps running while the machine sleeps. */
  readonly begunAtMs: number;
  readonly doneAtMs: number;
}

/** A packet that was put. */
export interface Put extends StoreReport {
  /** The final report on all nodes, at most 400 ms later, or longer for a contested write. Never rejects. */
  readonly settled: Promise<StoreReport>;
}

/** What a walk cost. */
export interface NetworkReport {
  readonly asked: number;
  readonly answered: number;
  /** Asked, but without an answer by the end of the walk. */
  readonly dead: number;
  /** Bootstrap names without an address. */
  readonly unresolved: readonly string[];
  readonly milliseconds: number;
}

/** The time limit of an operation that is given none. */
const DEFAULT_DEADLINE_MS = 20_000;
/** For how long the addresses of the bootstrap nodes are used before they are looked up again. */
const BOOTSTRAP_MS = 3_600_000;

export interface DhtOptions {
  readonly bootstrap: readonly HostPort[];
  /** Where nodes that answered are kept for the next client; without it none are. */
  readonly cacheFolder?: string;
  /** Called with lines that say in plain words what happens. */
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
    // A caller that started a look-up early may fail for another reason before it awaits the result.
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
    const [begunAtMs, startMs] = [Date.now(), performance.now()];
    const bootstrap = this.bootstrapNodes();
    const known = this.known();
    const starts = known?.startsFor(target(publicKey)) ?? [];
    const result = await walk({ ...this.walkContext(publicKey, operation), starts, bootstrap, onFirst });
    this.learn(publicKey, result);
    const doneAtMs = Date.now();
    const network = networkReport(result, bootstrap.unresolved, performance.now() - startMs);
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
    const startMs = performance.now();
    const context = this.walkContext(item.publicKey, operation);
    const store = new Store({
      ...context,
      item,
      base: base ?? newest?.seq ?? -1,
      attempts,
      condition,
      isContested,
    });
    store.consider(from.nodes);
    const onReply = (nodes: readonly AnsweredNode[]) => store.consider(nodes);
    void walkWider({ ...context, from, closest: CLOSEST, onReply }).then((result) => {
      this.learn(item.publicKey, result);
      store.endOfNodes();
    });
    const traced = (what: string) => (report: StoreReport) => {
      const { tried, holders, older, refusal } = report;
      const milliseconds = Math.round(performance.now() - startMs);
      this.trace(`${what} ${tried} nodes: ${holders} hold it, ${older.length} give an older one; ${milliseconds} ms`);
      if (refusal !== null) this.trace(`the last refusal: ${refusal}`);
      return report;
    };
    const enough = store.enough.then(traced('put to'));
    const settled = enough.then(() => store.settled).then(traced('in the end put to'));
    return { enough, settled };
  }

  private walkContext(publicKey: Uint8Array, { signal }: Operation) {
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

/** What `put` returns if a newer packet is already known. */
function nothingPut(overtakenBy: MutableItem): Pick<Store, 'enough' | 'settled'> {
  const report = { holders: 0, tried: 0, answered: 0, older: [], overtakenBy, refusal: null };
  return { enough: Promise.resolve(report), settled: Promise.resolve(report) };
}

function networkReport(result: WalkResult, unresolved: readonly string[], elapsedMs: number): NetworkReport {
  const { asked, answered } = result;
  return {
    asked,
    answered,
    dead: asked - answered,
    unresolved: [...unresolved],
    milliseconds: Math.round(elapsedMs),
  };
}
