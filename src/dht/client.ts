import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../failure.ts';
import { type Bootstrap, type HostPort, resolveBootstrap } from './bootstrap.ts';
import { KnownNodes } from './known-nodes.ts';
import { keyOf } from './krpc.ts';
import { type MutableItem, sameItem, supersedes, target } from './mutable-item.ts';
import { noNetwork, outrun, timedOut, tooFewHolders } from './network-failure.ts';
import { Rpc } from './rpc.ts';
import { ENOUGH, LEAST_HOLDERS, MOST_TRIED, type StoreResult, store } from './store.ts';
import { type AnsweredNode, type WalkOptions, type WalkResult, walk } from './walk.ts';

/** A client of the DHT for one small signed packet a key. */
export interface Dht {
  /**
   * Finds the newest packet under a key (32 bytes): walks until the closest live nodes have answered.
   *
   * `onFirst` is told of the first verified packet, which may be an old one. Throws `network` where there is no network,
   * each cause told apart, or where the time ran out; `interrupted` when the signal is aborted or the client closed.
   */
  resolve(
    publicKey: Uint8Array,
    options?: { signal?: AbortSignal; onFirst?: (item: MutableItem) => void },
  ): Promise<Resolution>;

  /**
   * Reads, modifies and writes the packet under a key (32 bytes).
   *
   * Walks (unless `from` is a resolution of the last two seconds), has `build` make the packet from the newest one, and puts
   * it to the closest nodes, each of which must still hold what it held (compare-and-swap), until 8 give it back. If someone
   * else published meanwhile, it resolves and builds again; each packet that is built must have a higher `seq` than the last.
   * `build` may give back the newest packet itself, to keep it alive, or null to leave everything as it is. Throws as `resolve`
   * does, and `network` where fewer than 3 nodes hold the packet.
   */
  update(
    publicKey: Uint8Array,
    build: (newest: MutableItem | null) => MutableItem | null | Promise<MutableItem | null>,
    options?: { signal?: AbortSignal; from?: Resolution },
  ): Promise<Publication>;

  /** Ends everything that is under way; nothing keeps the process alive after it. */
  close(): void;
}

/** What a walk found. */
export interface Resolution {
  /** The key (32 bytes) that was looked up. */
  readonly publicKey: Uint8Array;
  /** Verified; null if there is no packet under the key. */
  readonly newest: MutableItem | null;
  /** True if two different packets with the newest `seq` were signed by the key. */
  readonly conflict: boolean;
  readonly network: NetworkReport;
  /** The nodes that answered, the closest to the key first. */
  readonly nodes: readonly AnsweredNode[];
  /** When it was made, on the clock of `performance.now()`. */
  readonly at: number;
}

/** What became of an update. */
export interface Publication {
  /** The packet that was put; null if `build` wanted none. */
  readonly item: MutableItem | null;
  /** How many nodes gave it back when asked for it. */
  readonly nodes: number;
  readonly network: NetworkReport;
}

/** What it took. */
export interface NetworkReport {
  readonly asked: number;
  readonly answered: number;
  /** Asked, and without an answer when the walk was done. */
  readonly dead: number;
  /** Bootstrap names without an address. */
  readonly unresolved: readonly string[];
  readonly milliseconds: number;
}

/** How long a resolution may serve an update, in milliseconds: an older one may have been overtaken while a question stood. */
const FRESH = 2_000;
const MAX_TRIES = 5;

export interface DhtOptions {
  readonly bootstrap: readonly HostPort[];
  /** The most time for the network, in milliseconds, over all calls together, without the time that `build` takes. */
  readonly timeoutMs: number;
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
  private readonly closing = new AbortController();
  private readonly options: DhtOptions;
  private readonly budget: Budget;
  /** True once any node answered. */
  private heard = false;
  private bootstrap: Bootstrap | undefined;
  private knownNodes: KnownNodes | undefined;

  constructor(options: DhtOptions) {
    this.options = options;
    this.budget = new Budget(options.timeoutMs);
  }

  resolve(
    publicKey: Uint8Array,
    options: { signal?: AbortSignal; onFirst?: (item: MutableItem) => void } = {},
  ): Promise<Resolution> {
    const limit = new Limit(this.budget, options.signal, this.closing.signal);
    const resolution = this.walk(publicKey, limit, [], { onFirst: options.onFirst }).finally(() => limit.end());
    // Whoever began a look-up early may have failed for another reason before he waits for it.
    resolution.catch(() => {});
    return resolution;
  }

  async update(
    publicKey: Uint8Array,
    build: (newest: MutableItem | null) => MutableItem | null | Promise<MutableItem | null>,
    options: { signal?: AbortSignal; from?: Resolution } = {},
  ): Promise<Publication> {
    const limit = new Limit(this.budget, options.signal, this.closing.signal);
    try {
      return await this.readModifyWrite(publicKey, build, options.from, limit);
    } finally {
      limit.end();
    }
  }

  close(): void {
    this.closing.abort();
    this.rpc.close();
    this.knownNodes?.save();
  }

  private async readModifyWrite(
    publicKey: Uint8Array,
    build: (newest: MutableItem | null) => MutableItem | null | Promise<MutableItem | null>,
    from: Resolution | undefined,
    limit: Limit,
  ): Promise<Publication> {
    const isFresh =
      from !== undefined && performance.now() - from.at < FRESH && Buffer.compare(from.publicKey, publicKey) === 0;
    let resolution = isFresh ? from : await this.walk(publicKey, limit, from?.nodes ?? []);
    let item: MutableItem | null = null;
    let overtakenBy: MutableItem | null = null;
    for (let tries = 1; ; tries += 1) {
      const { newest } = resolution;
      // A node that held nothing took our last try, which may be the newest now. It was not built on what overtook it.
      const isOurs: boolean = item !== null && newest !== null && sameItem(item, newest);
      const base: MutableItem | null = isOurs ? overtakenBy : newest;
      item = await limit.paused(() => build(base));
      if (item === null) return { item, nodes: 0, network: resolution.network };

      const { report, ...result } = await this.storeWidely(item, newest?.seq ?? -1, resolution, limit);
      overtakenBy = result.overtakenBy;
      if (result.overtakenBy === null) {
        if (result.holders < LEAST_HOLDERS) throw tooFewHolders(result.holders, result.tried);
        return { item, nodes: result.holders, network: report };
      }
      if (tries === MAX_TRIES) throw outrun();
      this.trace(`someone else published meanwhile (seq ${result.overtakenBy.seq}); reading again`);
      // Two that collided must not collide again: each waits for a time of its own.
      await sleep(Math.random() * 100 * tries, undefined, { signal: limit.signal }).catch(() => {});
      resolution = withItem(await this.walk(publicKey, limit, resolution.nodes), result.overtakenBy);
    }
  }

  private async walk(
    publicKey: Uint8Array,
    limit: Limit,
    starts: readonly AnsweredNode[],
    options: Pick<WalkOptions, 'onFirst' | 'closest'> = {},
  ): Promise<Resolution> {
    const began = performance.now();
    this.bootstrap ??= resolveBootstrap(this.options.bootstrap, this.closing.signal);
    const { rpc, id, bootstrap } = this;
    const known = this.known();
    const place = target(publicKey);
    const result = await walk({
      rpc,
      id,
      publicKey,
      starts: [...starts, ...(known?.startsFor(place) ?? [])],
      wasSilent: (address) => known?.wasSilent(address) ?? false,
      bootstrap,
      signal: limit.signal,
      ...options,
    });
    known?.learn(place, result.nodes, result.silent);
    const at = performance.now();
    const network = report(result, bootstrap.unresolved, at - began);
    const { newest, conflict, nodes } = result;
    this.trace(
      `asked ${network.asked} nodes: ${network.answered} answered, ${network.dead} dead; ` +
        `${newest === null ? 'no packet' : `newest seq ${newest.seq}`}; ${network.milliseconds} ms`,
    );
    for (const name of bootstrap.unresolved) this.trace(`no address for ${name}`);
    limit.throwIfInterrupted();
    this.heard ||= result.answered > 0;
    if (!result.complete) throw timedOut(this.options.timeoutMs, this.heard);
    if (result.answered === 0) this.bootstrap = undefined; // the next attempt looks the names up again
    const failure = noNetwork(result, this.options.bootstrap, bootstrap);
    if (failure !== null) throw failure;
    return { publicKey, newest, conflict, network, nodes, at };
  }

  private known(): KnownNodes | undefined {
    const { bootstrap, cacheFolder } = this.options;
    if (cacheFolder !== undefined) this.knownNodes ??= KnownNodes.read(cacheFolder, bootstrap);
    return this.knownNodes;
  }

  /** Puts an item; where too few of the closest nodes keep it, to those behind them too, which the walk had no need to hear. */
  private async storeWidely(
    item: MutableItem,
    base: number,
    resolution: Resolution,
    limit: Limit,
  ): Promise<StoreResult & { report: NetworkReport }> {
    const result = await this.store(item, base, resolution, limit);
    if (result.overtakenBy !== null || result.holders >= ENOUGH) return result;
    const { nodes } = resolution;
    const wider = await this.walk(item.publicKey, limit, nodes, { closest: MOST_TRIED }).catch(() => null);
    limit.throwIfInterrupted();
    const { newest = null } = wider ?? {};
    if (newest !== null && newest.seq > base && !sameItem(newest, item)) return { ...result, overtakenBy: newest };
    const heard = new Set(nodes.map(keyOf));
    if (wider === null || wider.nodes.every((node) => heard.has(keyOf(node)))) return result;
    const second = await this.store(item, base, wider, limit);
    // The second put goes to those that hold it as well, but may not have heard all of them.
    return {
      ...second,
      holders: Math.max(result.holders, second.holders),
      tried: Math.max(result.tried, second.tried),
    };
  }

  private async store(
    item: MutableItem,
    base: number,
    resolution: Resolution,
    limit: Limit,
  ): Promise<StoreResult & { report: NetworkReport }> {
    const began = performance.now();
    const result = await store(this.rpc, this.id, item, base, resolution.nodes, limit.signal);
    const milliseconds = Math.round(performance.now() - began);
    this.trace(`put to ${result.tried} nodes: ${result.holders} hold it; ${milliseconds} ms`);
    if (result.refusal !== null) this.trace(`the last refusal: ${result.refusal}`);
    limit.throwIfInterrupted();
    const { network } = resolution;
    return { ...result, report: { ...network, milliseconds: network.milliseconds + milliseconds } };
  }

  private trace(line: string): void {
    this.options.trace?.(line);
  }
}

/** The time that a client may spend on the network: it runs while anything is under way, however much at once. */
class Budget {
  private left: number;
  private running = 0;
  private since = 0;

  constructor(milliseconds: number) {
    this.left = milliseconds;
  }

  /** Returns what is left, in milliseconds. */
  start(): number {
    const now = performance.now();
    if (this.running === 0) this.since = now;
    this.running += 1;
    return Math.max(this.left - (now - this.since), 0);
  }

  stop(): void {
    this.running -= 1;
    if (this.running === 0) this.left -= performance.now() - this.since;
  }
}

/** The time that an operation has left, and everything that may end it early. */
class Limit {
  readonly signal: AbortSignal;
  private readonly timeout = new AbortController();
  private readonly interrupts: AbortSignal;
  private timer: NodeJS.Timeout | undefined;
  private readonly budget: Budget;

  constructor(budget: Budget, user: AbortSignal | undefined, closing: AbortSignal) {
    this.interrupts = AbortSignal.any(user === undefined ? [closing] : [closing, user]);
    this.signal = AbortSignal.any([this.interrupts, this.timeout.signal]);
    this.budget = budget;
    this.start();
  }

  throwIfInterrupted(): void {
    if (this.interrupts.aborted) throw new Failure('interrupted', 'The work with the network was interrupted.');
  }

  /** Runs something that is not the network's, and whose time therefore does not count. */
  async paused<T>(work: () => T | Promise<T>): Promise<T> {
    this.end();
    try {
      return await work();
    } finally {
      this.start();
    }
  }

  end(): void {
    clearTimeout(this.timer);
    this.budget.stop();
  }

  private start(): void {
    this.timer = setTimeout(() => this.timeout.abort(), this.budget.start());
  }
}

function report(result: WalkResult, unresolved: readonly string[], milliseconds: number): NetworkReport {
  const { asked, answered } = result;
  return {
    asked,
    answered,
    dead: asked - answered,
    unresolved: [...unresolved],
    milliseconds: Math.round(milliseconds),
  };
}

/** The resolution with an item that was met elsewhere, if that is newer. */
function withItem(resolution: Resolution, item: MutableItem): Resolution {
  return resolution.newest === null || supersedes(item, resolution.newest)
    ? { ...resolution, newest: item, conflict: false }
    : resolution;
}
