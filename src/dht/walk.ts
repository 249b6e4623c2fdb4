import { type Bootstrap, NO_BOOTSTRAP } from './bootstrap.ts';
import {
  type Address,
  type ErrorReply,
  findNodeQuery,
  getQuery,
  keyOf,
  type NodeAddress,
  type Query,
  type Reply,
} from './krpc.ts';
import { type MutableItem, sameItem, supersedes, target, verifyItem } from './mutable-item.ts';
import type { NoAnswer, Rpc } from './rpc.ts';
import { type Endpoint, hasReplied, isWaiting, Shortlist } from './shortlist.ts';
import { K, plan } from './walk-plan.ts';

/** A node that replied, and what it said. */
export interface AnsweredNode extends NodeAddress {
  /** What a `put` to this node must include; null if it takes none. */
  readonly token: Uint8Array | null;
  /** The verified item that the node holds; null if it holds none. */
  readonly item: MutableItem | null;
}

/** What a walk found. */
export interface WalkResult {
  /** The verified item with the highest `seq`; null if there is none. */
  readonly newest: MutableItem | null;
  /** True if the key signed another item with the same `seq` as the newest. */
  readonly conflict: boolean;
  /**
   * The nodes that replied: preferred ones first (`groupByPreference`), each group closest to the key first.
   */
  readonly nodes: readonly AnsweredNode[];
  readonly asked: number;
  readonly answered: number;
  /** How many of `nodes` are bootstrap nodes. */
  readonly repliedBootstrapNodes: number;
  /**
   * True if nobody knows what the closest nodes hold: none of the 8 closest that others named replied, and
   * either fewer than 8 others did, or those no longer answer either.
   */
  readonly closestUnreachable: boolean;
  /** Known nodes that did not reply, or did not need to be asked, closest first. */
  readonly unheard: readonly NodeAddress[];
  /** Nodes that did not answer within their limit. */
  readonly silent: readonly Address[];
  /**
   * Those of them asked before the last answer came. Nodes asked later may be silent because this machine is
   * offline by then.
   */
  readonly gone: readonly Address[];
  /**
   * How many of `silent` other nodes named: the rest may be long gone, with the network that they were in.
   */
  readonly namedSilent: number;
  /** How many requests this machine could not even send. */
  readonly unsent: number;
  /** False if the signal ended the walk before it was done. */
  readonly complete: boolean;
}

/** What a walk shares with one that continues it. */
interface WalkContext {
  readonly rpc: Rpc;
  /** Our own id: 20 bytes. */
  readonly id: Uint8Array;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** True for a node that was silent lately: it is asked, but not waited for. */
  readonly wasSilent: (address: Address) => boolean;
  readonly signal: AbortSignal;
}

export interface WalkOptions extends WalkContext {
  /** Known nodes to start from, besides the bootstrap nodes. */
  readonly starts: readonly NodeAddress[];
  readonly bootstrap: Bootstrap;
  /** Called with the first verified item, which may be an old one. */
  readonly onFirst?: ((item: MutableItem) => void) | undefined;
}

export interface WiderWalkOptions extends WalkContext {
  /** What the earlier walk found. Nodes that replied to it are not asked for the value again. */
  readonly from: Pick<WalkResult, 'nodes' | 'unheard' | 'silent'>;
  /** How many of the closest must have replied. */
  readonly closest: number;
  /** Called after each reply with all nodes that have replied, as in `WalkResult.nodes`. */
  readonly onReply: (nodes: readonly AnsweredNode[]) => void;
}

/**
 * Walks towards the nodes closest to a key, and collects every verified item under it (BEP 5, BEP 44).
 *
 * `plan` decides when it is done. Never rejects; the signal ends it early.
 */
export function walk(options: WalkOptions): Promise<WalkResult> {
  const { starts, bootstrap, onFirst } = options;
  const shortlist = new Shortlist(target(options.publicKey), options.id, options.wasSilent);
  for (const start of starts) shortlist.addStart(start);
  return new Walk(shortlist, { ...options, bootstrap, closest: K, onFirst }).run();
}

/** Continues a walk until more of the closest nodes have replied. Never rejects; the signal ends it early. */
export function walkWider(options: WiderWalkOptions): Promise<WalkResult> {
  const { from, closest, onReply } = options;
  const silent = new Set(from.silent.map(keyOf));
  const wasSilent = (address: Address) => silent.has(keyOf(address)) || options.wasSilent(address);
  const shortlist = new Shortlist(target(options.publicKey), options.id, wasSilent);
  for (const node of from.nodes) shortlist.addReplied(node);
  for (const node of from.unheard) shortlist.addStart(node);
  return new Walk(shortlist, { ...options, bootstrap: NO_BOOTSTRAP, closest, onReply }).run();
}

type Settings = WalkContext &
  Pick<WalkOptions, 'bootstrap' | 'onFirst'> &
  Pick<WiderWalkOptions, 'closest'> &
  Partial<Pick<WiderWalkOptions, 'onReply'>>;

class Walk {
  private readonly settings: Settings;
  private readonly shortlist: Shortlist;
  private newest: MutableItem | null = null;
  private conflict = false;
  private unsent = 0;
  private bootstrapDone = false;
  private valuesComeAlone = false;
  private searchedTo: bigint | null = null;
  /** When the last answer came, by `performance.now()`. */
  private lastAnswerAtMs = Number.NEGATIVE_INFINITY;
  private timer: NodeJS.Timeout | undefined;
  private isStepDue = false;
  private finish: ((complete: boolean) => void) | undefined;

  constructor(shortlist: Shortlist, settings: Settings) {
    this.shortlist = shortlist;
    this.settings = settings;
    for (const { item } of shortlist.all()) if (item !== null) this.collect(item);
  }

  async run(): Promise<WalkResult> {
    const { bootstrap, signal } = this.settings;
    const finished = new Promise<boolean>((resolve) => {
      this.finish = resolve;
    });
    const stopBootstrap = bootstrap.each((address) => {
      this.shortlist.addBootstrapNode(address);
      this.stepSoon();
    });
    this.stepSoon();
    void bootstrap.done.then(() => {
      this.bootstrapDone = true;
      this.stepSoon();
    });
    const abort = () => this.finish?.(false);
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();

    const complete = await finished;
    this.finish = undefined;
    stopBootstrap();
    signal.removeEventListener('abort', abort);
    clearTimeout(this.timer);
    return this.result(complete);
  }

  private result(complete: boolean): WalkResult {
    const { newest, conflict, unsent, shortlist } = this;
    const endpoints = [...shortlist.endpoints()];
    const silent = this.silent(endpoints);
    return {
      newest,
      conflict,
      nodes: this.answeredNodes(),
      asked: endpoints.filter(({ tries }) => tries > 0).length,
      answered: endpoints.filter(({ heard }) => heard).length,
      repliedBootstrapNodes: shortlist.bootstrapNodes().filter((node) => shortlist.get(node)?.replied).length,
      closestUnreachable: this.isClosestUnreachable() || this.isCutOff(endpoints),
      unheard: shortlist.byDistance().filter((candidate) => !candidate.replied),
      silent: silent.map(toAddress),
      gone: silent.filter(({ firstAskedAtMs }) => (firstAskedAtMs ?? 0) < this.lastAnswerAtMs).map(toAddress),
      namedSilent: silent.filter((address) => shortlist.get(address)?.isNamed).length,
      unsent,
      complete,
    };
  }

  /** Schedules one step, for everything that will have arrived by then. */
  private stepSoon(): void {
    if (this.isStepDue) return;
    this.isStepDue = true;
    this.settings.rpc.afterArrivals(() => {
      this.isStepDue = false;
      this.step();
    });
  }

  /** Carries out the plan, or ends the walk. */
  private step(): void {
    if (this.finish === undefined) return;
    const { rpc, closest } = this.settings;
    const { bootstrapDone, valuesComeAlone, searchedTo } = this;
    const nowMs = performance.now();
    const next = plan(this.shortlist, { closest, bootstrapDone, valuesComeAlone, searchedTo }, rpc.limits(), nowMs);
    clearTimeout(this.timer);
    if (next.isDone) {
      this.finish(true);
      return;
    }
    for (const endpoint of next.ask) this.sendGet(endpoint);
    for (const endpoint of next.askForNodes) this.askForNodes(endpoint);
    for (const { endpoint, near } of next.askFurtherOff) this.sendFindNode(endpoint, near);
    this.searchedTo = next.searchedTo;
    if (next.untilMs < Number.POSITIVE_INFINITY)
      this.timer = setTimeout(() => this.stepSoon(), Math.ceil(next.untilMs - nowMs) + 1);
  }

  private sendGet(endpoint: Endpoint): void {
    endpoint.tries += 1;
    this.send(endpoint, getQuery(this.settings.id, this.shortlist.target), (answer) => {
      if (answer === 'unsent') this.unsent += 1;
      if (typeof answer === 'string') return;
      if (answer.kind === 'reply') this.receive(endpoint, answer);
      // Nodes too old to support `get` are asked `find_node` instead.
      else this.askForNodes(endpoint);
    });
  }

  private askForNodes(endpoint: Endpoint): void {
    if (endpoint.askedForNodes) return;
    endpoint.askedForNodes = true;
    this.sendFindNode(endpoint, this.shortlist.target);
  }

  private sendFindNode(endpoint: Endpoint, near: Uint8Array): void {
    this.send(endpoint, findNodeQuery(this.settings.id, near), (answer) => {
      if (typeof answer !== 'string' && answer.kind === 'reply') this.shortlist.learn(endpoint, answer.nodes);
    });
  }

  private send(endpoint: Endpoint, query: Query, receive: (answer: Reply | ErrorReply | NoAnswer) => void): void {
    endpoint.out += 1;
    endpoint.askedAtMs = Number.POSITIVE_INFINITY;
    const onSent = () => {
      endpoint.askedAtMs = performance.now();
      endpoint.firstAskedAtMs ??= endpoint.askedAtMs;
      this.stepSoon();
    };
    void this.settings.rpc.request(endpoint, query, onSent).then((answer) => {
      if (this.finish === undefined) return;
      endpoint.out -= 1;
      if (typeof answer !== 'string') {
        endpoint.heard = true;
        endpoint.isDoubtful = false;
        this.lastAnswerAtMs = performance.now();
      }
      receive(answer);
      this.stepSoon();
    });
  }

  private receive(endpoint: Endpoint, reply: Reply): void {
    const candidate = this.shortlist.get(endpoint) ?? this.shortlist.addCandidate(endpoint, reply.id, null);
    candidate.replied = true;
    // The id that it gives itself counts: whoever named it may have lied so that this answer is discarded.
    this.shortlist.setId(candidate, reply.id);
    candidate.token = reply.token;
    if (reply.item !== null && this.collect(reply.item)) {
      candidate.item = reply.item;
      if (reply.nodes.length === 0) {
        this.valuesComeAlone = true;
        this.askForNodes(endpoint);
      }
    }
    this.shortlist.learn(candidate, reply.nodes);
    this.settings.onReply?.(this.answeredNodes());
  }

  /** True if the item is signed by the key. */
  private collect(item: MutableItem): boolean {
    if (Buffer.compare(item.publicKey, this.settings.publicKey) !== 0 || !verifyItem(item)) return false;
    const { newest } = this;
    if (newest === null) this.settings.onFirst?.(item);
    if (newest === null || item.seq > newest.seq) this.conflict = false;
    else if (item.seq === newest.seq && !sameItem(item, newest)) this.conflict = true;
    if (newest === null || supersedes(item, newest)) this.newest = item;
    return true;
  }

  private answeredNodes(): AnsweredNode[] {
    const answered = this.shortlist.byPreference().filter(hasReplied);
    return answered.map(({ id, host, port, token, item }) => ({ id, host, port, token, item }));
  }

  private isClosestUnreachable(): boolean {
    const asked = this.shortlist
      .byDistance()
      .filter((candidate) => candidate.replied || (candidate.isNamed && !isWaiting(candidate)));
    return asked.filter(hasReplied).length < K && !asked.slice(0, K).some(hasReplied);
  }

  /** True if nodes that had answered were asked again, and no node has answered since. */
  private isCutOff(endpoints: readonly Endpoint[]): boolean {
    const askedAgain = endpoints.filter(({ heard, tries }) => heard && tries > 1);
    return (
      askedAgain.length > 0 &&
      askedAgain.every(({ out, askedAtMs }) => out > 0 && (askedAtMs ?? 0) > this.lastAnswerAtMs)
    );
  }

  private silent(endpoints: readonly Endpoint[]): Endpoint[] {
    const nowMs = performance.now();
    const { holdMs } = this.settings.rpc.limits();
    return endpoints.filter(
      ({ heard, firstAskedAtMs }) => !heard && firstAskedAtMs !== null && nowMs - firstAskedAtMs >= holdMs,
    );
  }
}

const toAddress = ({ host, port }: Address): Address => ({ host, port });
