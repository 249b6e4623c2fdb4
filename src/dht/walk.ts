import type { Bootstrap } from './bootstrap.ts';
import {
  type Address,
  type ErrorReply,
  findNodeQuery,
  getQuery,
  type NodeAddress,
  type Query,
  type Reply,
} from './krpc.ts';
import { type MutableItem, sameItem, supersedes, target, verifyItem } from './mutable-item.ts';
import type { NoAnswer, Rpc } from './rpc.ts';

/** How many of the closest nodes must have answered: as many as BEP 5 keeps a value on. */
const K = 8;
const MAX_IN_FLIGHT = 32;
/** A walk that was led further than this is being led astray. */
const MAX_ASKED = 512;
/** How many nodes that were not asked yet are remembered. */
const MAX_WAITING = 256;

/** How long a node holds the walk up before the first round trip is known, in milliseconds. */
const FIRST_LIMIT = 400;
/** The shortest time that a node may hold the walk up, in milliseconds. */
const LEAST_LIMIT = 80;

/** A node that answered, and what it said. */
export interface AnsweredNode extends NodeAddress {
  /** What a `put` to this node must bring; null if it takes none. */
  readonly token: Uint8Array | null;
  /** The `seq` of the verified item that the node holds; null if it holds none. */
  readonly seq: number | null;
}

/** What a walk found. */
export interface WalkResult {
  /** The verified item with the highest `seq`; null if there is none. */
  readonly newest: MutableItem | null;
  /** True if another item with the same `seq` as the newest was signed by the key, too. */
  readonly conflict: boolean;
  /** The nodes that answered, the closest to the key first. */
  readonly nodes: readonly AnsweredNode[];
  readonly asked: number;
  readonly answered: number;
  /** How many held the walk up to their limit without an answer, or could not be sent to. */
  readonly dead: number;
  /** How many requests this machine could not even send. */
  readonly unsent: number;
  /** False if the signal ended the walk before it was done. */
  readonly complete: boolean;
}

export interface WalkOptions {
  readonly rpc: Rpc;
  /** Who asks: 20 bytes. */
  readonly id: Uint8Array;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Known nodes to begin with, besides the bootstrap nodes. */
  readonly starts: readonly NodeAddress[];
  readonly bootstrap: Bootstrap;
  readonly signal: AbortSignal;
  /** Told of the first verified item, which may be an old one. */
  readonly onFirst?: ((item: MutableItem) => void) | undefined;
}

/**
 * How long a node may hold others up, in milliseconds: twice the median round trip. Its answer counts for longer.
 *
 * Measured: 1.6 times and less loses values.
 */
export function softLimit(rpc: Rpc): number {
  const median = rpc.medianRoundTrip();
  return median === null ? FIRST_LIMIT : Math.max(LEAST_LIMIT, 2 * median);
}

/**
 * Walks towards the nodes that are closest to a key, and collects every verified item under it (BEP 5, BEP 44).
 *
 * Done when the 8 closest nodes that answered are known and each closer one has answered, failed or passed its soft limit.
 * Where fewer answered, it waits for the bootstrap nodes that are still out. Never rejects; the signal ends it early.
 */
export function walk(options: WalkOptions): Promise<WalkResult> {
  return new Walk(options).run();
}

interface Contact extends Address {
  /** Null for a bootstrap node that has not answered. */
  id: Uint8Array | null;
  /** From the key; null as long as nobody named the node's id. */
  distance: Uint8Array | null;
  readonly bootstrap: boolean;
  state: 'waiting' | 'asked' | 'answered' | 'failed';
  /** When it was last asked, on the clock of `performance.now()`. */
  askedAt: number;
  /** True while an answer is out. */
  out: boolean;
  token: Uint8Array | null;
  seq: number | null;
}

class Walk {
  private readonly options: WalkOptions;
  private readonly target: Uint8Array;
  /** By `host:port`. */
  private readonly contacts = new Map<string, Contact>();
  private newest: MutableItem | null = null;
  private conflict = false;
  private asked = 0;
  private answered = 0;
  private silent = 0;
  private unsent = 0;
  private bootstrapDone = false;
  private timer: NodeJS.Timeout | undefined;
  private nextStep: NodeJS.Immediate | undefined;
  private finish: ((complete: boolean) => void) | undefined;

  constructor(options: WalkOptions) {
    this.options = options;
    this.target = target(options.publicKey);
  }

  async run(): Promise<WalkResult> {
    const { bootstrap, signal, starts } = this.options;
    const finished = new Promise<boolean>((resolve) => {
      this.finish = resolve;
    });
    for (const start of starts) this.add(start);
    const stopBootstrap = bootstrap.each((address) => {
      const key = keyOf(address);
      if (!this.contacts.has(key)) this.contacts.set(key, contact(address, null, null, true));
      this.stepSoon();
    });
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
    const { newest, conflict, asked, answered, unsent } = this;
    return { newest, conflict, nodes: this.answeredNodes(), asked, answered, dead: this.dead(), unsent, complete };
  }

  /**
   * One step for everything that has arrived by now: if this process was busy for a while (deriving a key, say), answers have
   * waited in the socket past their limits, and all of them count.
   */
  private stepSoon(): void {
    this.nextStep ??= setImmediate(() => {
      this.nextStep = undefined;
      this.step();
    });
  }

  /** Asks whom there is to ask next, and ends the walk when nothing is left that could change its result. */
  private step(): void {
    if (this.finish === undefined) return;
    const now = performance.now();
    const limit = softLimit(this.options.rpc);
    const isInTime = ({ out, askedAt }: Contact) => out && now - askedAt < limit;
    let inFlight = [...this.contacts.values()].filter(isInTime).length;
    let answered = 0;
    let held = false;
    for (const contact of this.byDistance()) {
      if (answered === K) break;
      if (contact.state === 'answered') answered += 1;
      if (contact.state === 'waiting' && this.asked < MAX_ASKED) {
        held = true;
        if (inFlight < MAX_IN_FLIGHT) {
          this.ask(contact, now);
          inFlight += 1;
        }
      }
      if (isInTime(contact)) held = true;
    }
    if (answered < K) held = this.bootstrapOut(now) || held;
    clearTimeout(this.timer);
    if (!held) this.finish(true);
    else {
      const oldest = Math.min(...[...this.contacts.values()].filter(isInTime).map(({ askedAt }) => askedAt));
      if (oldest < now + limit) this.timer = setTimeout(() => this.stepSoon(), Math.ceil(oldest + limit - now) + 1);
    }
  }

  /** Asks the bootstrap nodes that were not asked yet. True if one that could still bring nodes has not answered. */
  private bootstrapOut(now: number): boolean {
    let out = !this.bootstrapDone;
    for (const contact of this.contacts.values()) {
      if (!contact.bootstrap) continue;
      if (contact.state === 'waiting') this.ask(contact, now);
      if (contact.out) out = true;
    }
    return out;
  }

  private ask(contact: Contact, now: number): void {
    contact.state = 'asked';
    this.asked += 1;
    this.send(contact, getQuery(this.options.id, this.target), now, (answer) => this.receive(contact, answer));
  }

  private send(
    contact: Contact,
    query: Query,
    now: number,
    receive: (answer: Reply | ErrorReply | NoAnswer) => void,
  ): void {
    contact.askedAt = now;
    contact.out = true;
    void this.options.rpc.request(contact, query).then((answer) => {
      if (this.finish === undefined) return;
      contact.out = false;
      receive(answer);
      this.stepSoon();
    });
  }

  private receive(contact: Contact, answer: Reply | ErrorReply | NoAnswer): void {
    if (answer === 'unsent') this.unsent += 1;
    if (typeof answer === 'string') this.silent += 1;
    else this.answered += 1;
    if (typeof answer === 'string' || answer.kind === 'error') {
      contact.state = 'failed';
      return;
    }
    contact.state = 'answered';
    // It stands where its own word puts it: whoever named it may have lied, to have its answer thrown away.
    contact.id = answer.id;
    contact.distance = this.distance(answer.id);
    contact.token = answer.token;
    if (answer.item !== null && this.collect(answer.item)) contact.seq = answer.item.seq;
    this.learn(answer.nodes);
    // bittorrent-dht names no nodes beside a value. If all close ones hold an old value, nobody else leads to the new one.
    if (answer.item !== null && answer.nodes.length === 0) {
      this.send(contact, findNodeQuery(this.options.id, this.target), performance.now(), (more) => {
        if (typeof more !== 'string' && more.kind === 'reply') this.learn(more.nodes);
      });
    }
  }

  /** True if the item is the key's. */
  private collect(item: MutableItem): boolean {
    if (Buffer.compare(item.publicKey, this.options.publicKey) !== 0 || !verifyItem(item)) return false;
    const { newest } = this;
    if (newest === null) this.options.onFirst?.(item);
    if (newest === null || item.seq > newest.seq) this.conflict = false;
    else if (item.seq === newest.seq && !sameItem(item, newest)) this.conflict = true;
    if (newest === null || supersedes(item, newest)) this.newest = item;
    return true;
  }

  /** However many nodes strangers name, the walk remembers the closest only. */
  private learn(nodes: readonly NodeAddress[]): void {
    for (const node of nodes) this.add(node);
    const waiting = this.byDistance().filter(({ state }) => state === 'waiting');
    for (const contact of waiting.slice(MAX_WAITING)) this.contacts.delete(keyOf(contact));
  }

  private add(node: NodeAddress): void {
    if (Buffer.compare(node.id, this.options.id) === 0) return;
    const key = keyOf(node);
    const known = this.contacts.get(key);
    if (known === undefined) this.contacts.set(key, contact(node, node.id, this.distance(node.id), false));
    // Until it answers, it stands where the boldest of those who named it puts it: nobody can hide a node by naming it far off.
    else if (known.state === 'waiting' || known.distance === null)
      known.distance = closer(known.distance, this.distance(node.id));
  }

  private distance(id: Uint8Array): Uint8Array {
    return id.map((byte, i) => byte ^ (this.target[i] ?? 0));
  }

  /** The contacts whose distance is known, the closest first. */
  private byDistance(): Contact[] {
    const known = [...this.contacts.values()].filter(({ distance }) => distance !== null);
    return known.sort((a, b) => Buffer.compare(a.distance as Uint8Array, b.distance as Uint8Array));
  }

  private dead(): number {
    const since = performance.now() - softLimit(this.options.rpc);
    const silent = [...this.contacts.values()].filter(({ state, askedAt }) => state === 'asked' && askedAt <= since);
    return this.silent + silent.length;
  }

  private answeredNodes(): AnsweredNode[] {
    return this.byDistance()
      .filter(({ state }) => state === 'answered')
      .map(({ id, host, port, token, seq }) => ({ id: id as Uint8Array, host, port, token, seq }));
  }
}

/** The smaller of two distances, where null is unknown. */
function closer(a: Uint8Array | null, b: Uint8Array): Uint8Array {
  return a !== null && Buffer.compare(a, b) < 0 ? a : b;
}

const keyOf = ({ host, port }: Address) => `${host}:${port}`;

function contact(
  { host, port }: Address,
  id: Uint8Array | null,
  distance: Uint8Array | null,
  bootstrap: boolean,
): Contact {
  return { host, port, id, distance, bootstrap, state: 'waiting', askedAt: 0, out: false, token: null, seq: null };
}
