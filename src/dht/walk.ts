import type { Bootstrap } from './bootstrap.ts';
import { type Contact, Contacts, hasReplied, isWaiting, type Peer } from './contacts.ts';
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
/** How many nodes may be asked and still within their limit; each has up to two requests, and those over their limit come on top. */
const MAX_IN_FLIGHT = 14;
/**
 * Before one further off is asked, so many more answers than needed are expected of closer ones, by the share that has answered
 * until then.
 *
 * Measured: fewer wait for one dead node after the other, and more cost requests and gain nothing.
 */
const MARGIN = 2;
/** A walk that was led further than this is being led astray. */
const MAX_ASKED = 512;
/** When who is silent is asked again, where too few answer: a datagram may be lost. In milliseconds; the last time is waited as long. */
const ASKED_AGAIN = 500;
/** How often bootstrap nodes are asked where nobody at all answers, and how often anybody where too few do. */
const TRIES_IN_SILENCE = 3;
const TRIES = 2;

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
  /** The nodes that answered: the preferred ones (`byPreference`), the closest to the key first, then the others. */
  readonly nodes: readonly AnsweredNode[];
  readonly asked: number;
  readonly answered: number;
  /** How many of `nodes` are bootstrap nodes. */
  readonly repliedRoots: number;
  /** True if fewer than 8 nodes replied, and none of the 8 closest that others named: nobody knows what those hold. */
  readonly noneClose: boolean;
  /** Whom the walk ended without an answer from. */
  readonly silent: readonly Address[];
  /** How many of those others named: the rest may be long gone, with the network that they were in. */
  readonly namedSilent: number;
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
  /** True for a node that was silent lately: it is asked, but not waited for. */
  readonly wasSilent: (address: Address) => boolean;
  readonly bootstrap: Bootstrap;
  readonly signal: AbortSignal;
  /** How many of the closest must have answered; 8 if it is not given. */
  readonly closest?: number | undefined;
  /** Told of the first verified item, which may be an old one. */
  readonly onFirst?: ((item: MutableItem) => void) | undefined;
}

/**
 * Walks towards the nodes that are closest to a key, and collects every verified item under it (BEP 5, BEP 44).
 *
 * Done when the 8 closest preferred nodes (BEP 42) that answered are known, and each closer one has answered, failed or passed
 * its soft limit; and the same for up to 8 of the others that are as close. Where fewer answered, it waits for the bootstrap
 * nodes that are still out. Never rejects; the signal ends it early.
 */
export function walk(options: WalkOptions): Promise<WalkResult> {
  return new Walk(options).run();
}

class Walk {
  private readonly options: WalkOptions;
  private readonly target: Uint8Array;
  private readonly closest: number;
  private readonly contacts: Contacts;
  private newest: MutableItem | null = null;
  private conflict = false;
  private asked = 0;
  private answered = 0;
  private unsent = 0;
  private bootstrapDone = false;
  /** True once a value came without nodes beside it, which is how bittorrent-dht answers. */
  private valuesComeAlone = false;
  private timer: NodeJS.Timeout | undefined;
  private nextStep: NodeJS.Immediate | undefined;
  private finish: ((complete: boolean) => void) | undefined;

  constructor(options: WalkOptions) {
    this.options = options;
    this.target = target(options.publicKey);
    this.closest = options.closest ?? K;
    this.contacts = new Contacts(this.target, options.id, options.wasSilent);
  }

  async run(): Promise<WalkResult> {
    const { bootstrap, signal, starts } = this.options;
    const finished = new Promise<boolean>((resolve) => {
      this.finish = resolve;
    });
    const stopBootstrap = bootstrap.each((address) => {
      this.contacts.addRoot(address);
      this.stepSoon();
    });
    for (const start of starts) this.contacts.addStart(start);
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
    const { newest, conflict, asked, answered, unsent } = this;
    const repliedRoots = this.contacts.roots().filter((root) => this.contacts.get(root)?.replied).length;
    const [nodes, silent, noneClose] = [this.answeredNodes(), this.silent(), this.noneClose()];
    const namedSilent = silent.filter((address) => this.contacts.get(address)?.isNamed).length;
    const counts = { asked, answered, repliedRoots, namedSilent, unsent };
    return { newest, conflict, nodes, silent, noneClose, complete, ...counts };
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
    const peers = this.contacts.all().map(({ peer }) => peer);
    const step = new Step(this.options.rpc.softLimit(), peers);
    const { preferred, others } = this.contacts.parted();
    const share = this.shareOfAnswers(step);
    const end = this.advance(preferred, step, share, null);
    const othersEnd = this.advance(others, step, share, end);
    if (end === null && othersEnd === null) this.tryHarder(step);

    clearTimeout(this.timer);
    if (!step.held) this.finish(true);
    else if (step.until < Number.POSITIVE_INFINITY)
      this.timer = setTimeout(() => this.stepSoon(), Math.ceil(step.until - step.now) + 1);
  }

  /**
   * Asks the nodes of one kind, the closest first, as far as the last one (the eighth) that must answer, or `end` if that comes first.
   *
   * `share` is the part of those asked that can be expected to answer. Returns the distance of that one; null if fewer answered.
   */
  private advance(
    closestFirst: readonly Contact[],
    step: Step,
    share: number,
    end: Uint8Array | null,
  ): Uint8Array | null {
    let answered = 0;
    let expected = 0;
    for (const contact of closestFirst) {
      if (expected >= this.closest + MARGIN) return null;
      if (end !== null && Buffer.compare(contact.distance, end) > 0) return null;
      if (isWaiting(contact) && this.asked < MAX_ASKED) {
        if (!this.contacts.mayAsk(contact)) continue;
        if (step.inFlight < MAX_IN_FLIGHT) {
          step.held = true;
          step.inFlight += 1;
          this.ask(contact);
        } else step.waitUntil(step.firstEnd);
      }
      step.waitFor(contact.peer);
      if (contact.replied) {
        answered += 1;
        expected += 1;
      } else if (step.isInTime(contact.peer)) expected += share;
      if (answered === this.closest) return contact.distance;
    }
    return null;
  }

  /**
   * The part of the nodes asked that answered in time, as far as that is known; two thirds to begin with, as on the real network.
   * Those that answered in an earlier walk say nothing of the others.
   */
  private shareOfAnswers(step: Step): number {
    const asked = this.contacts.all().filter((contact) => !isWaiting(contact) && !contact.isStart);
    const answered = asked.filter(hasReplied).length;
    const silent = asked.filter(({ replied, peer }) => !replied && !step.isInTime(peer)).length;
    return (answered + 4) / (answered + silent + 6);
  }

  /** Where too few answered: asks the bootstrap nodes, asks again whoever is silent, and waits for them. */
  private tryHarder(step: Step): void {
    if (!this.bootstrapDone) step.held = true;
    const tries = this.answered === 0 ? TRIES_IN_SILENCE : TRIES;
    for (const root of this.contacts.roots()) {
      if (root.heard) {
        step.waitFor(root);
        continue;
      }
      const isDue = root.askedAt === null || step.now >= root.askedAt + ASKED_AGAIN;
      if (isDue && root.tries < tries && (root.tries === 0 || root.out > 0)) this.sendGet(root);
      if (root.out > 0) step.waitUntil((root.askedAt ?? step.now) + ASKED_AGAIN);
    }
    if (step.held || this.answered === 0) return;
    for (const { peer } of this.contacts.all()) {
      if (peer.heard || peer.out === 0 || peer.tries >= TRIES) continue;
      this.sendGet(peer);
      step.held = true;
    }
  }

  private ask({ peer }: Contact): void {
    this.sendGet(peer);
    if (this.closest > K) this.askForNodes(peer, this.around());
    else if (this.valuesComeAlone && !peer.isDoubtful) this.askForNodes(peer, this.target);
  }

  /** All that are close name the same few. Those behind them are found around places that are a little further off, by turns. */
  private around(): Uint8Array {
    const closestFirst = this.contacts.byDistance();
    const last = closestFirst.filter(hasReplied)[K - 1] ?? closestFirst[K - 1];
    const bit = Math.max(0, leadingZeros(last?.distance ?? this.target) - (this.asked % 3));
    return this.target.with(bit >> 3, (this.target[bit >> 3] ?? 0) ^ (0x80 >> (bit & 7)));
  }

  private sendGet(peer: Peer): void {
    if (peer.tries === 0) this.asked += 1;
    peer.tries += 1;
    this.send(peer, getQuery(this.options.id, this.target), (answer) => {
      if (answer === 'unsent') this.unsent += 1;
      if (typeof answer === 'string') return;
      if (answer.kind === 'reply') this.receive(peer, answer);
      // An old node that does not know `get` knows others all the same.
      else if (!peer.askedForNodes) this.askForNodes(peer, this.target);
    });
  }

  private askForNodes(peer: Peer, near: Uint8Array): void {
    peer.askedForNodes = true;
    this.send(peer, findNodeQuery(this.options.id, near), (answer) => {
      if (typeof answer !== 'string' && answer.kind === 'reply') this.contacts.learn(peer, answer.nodes);
    });
  }

  private send(peer: Peer, query: Query, receive: (answer: Reply | ErrorReply | NoAnswer) => void): void {
    peer.out += 1;
    peer.askedAt = Number.POSITIVE_INFINITY;
    const onSent = () => {
      peer.askedAt = performance.now();
      this.stepSoon();
    };
    void this.options.rpc.request(peer, query, onSent).then((answer) => {
      if (this.finish === undefined) return;
      peer.out -= 1;
      if (typeof answer !== 'string' && !peer.heard) {
        peer.heard = true;
        peer.isDoubtful = false;
        this.answered += 1;
      }
      receive(answer);
      this.stepSoon();
    });
  }

  private receive(peer: Peer, reply: Reply): void {
    const contact = this.contacts.get(peer) ?? this.contacts.contactAt(peer, reply.id, null);
    contact.replied = true;
    // It stands where its own word puts it: whoever named it may have lied, to have its answer thrown away.
    this.contacts.place(contact, reply.id);
    contact.token = reply.token;
    const isRight = reply.item !== null && this.collect(reply.item);
    if (isRight) contact.seq = reply.item.seq;
    this.contacts.learn(contact, reply.nodes);
    // If all close nodes hold an old value and name nobody beside it, nobody else leads to the new one.
    if (isRight && reply.nodes.length === 0) {
      this.valuesComeAlone = true;
      if (!peer.askedForNodes) this.askForNodes(peer, this.target);
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

  private answeredNodes(): AnsweredNode[] {
    const answered = this.contacts.byPreference().filter(hasReplied);
    return answered.map(({ id, host, port, token, seq }) => ({ id, host, port, token, seq }));
  }

  private noneClose(): boolean {
    const asked = this.contacts
      .byDistance()
      .filter((contact) => contact.replied || (contact.isNamed && !isWaiting(contact)));
    return asked.filter(hasReplied).length < K && !asked.slice(0, K).some(hasReplied);
  }

  private silent(): Address[] {
    const { now, limit } = new Step(this.options.rpc.softLimit(), []);
    return [...this.contacts.peers()]
      .filter(({ heard, askedAt }) => !heard && askedAt !== null && now - askedAt >= limit)
      .map(({ host, port }) => ({ host, port }));
  }
}

/** How many bits are 0 before the first that is 1. */
function leadingZeros(bytes: Uint8Array): number {
  const at = bytes.findIndex((byte) => byte !== 0);
  return at === -1 ? bytes.length * 8 - 1 : at * 8 + Math.clz32(bytes[at] ?? 0) - 24;
}

/** What one look at all contacts comes to. */
class Step {
  readonly now = performance.now();
  readonly limit: number;
  inFlight = 0;
  /** When the first of those in flight passes its limit. */
  firstEnd = Number.POSITIVE_INFINITY;
  /** True if the walk goes on. */
  held = false;
  /** When it is to look again at the latest, on the clock of `performance.now()`. */
  until = Number.POSITIVE_INFINITY;

  constructor(limit: number, peers: Iterable<Peer>) {
    this.limit = limit;
    for (const peer of peers) {
      if (!this.isInTime(peer)) continue;
      this.inFlight += 1;
      this.firstEnd = Math.min(this.firstEnd, (peer.askedAt ?? 0) + limit);
    }
  }

  /** Holds the walk while an answer of this one is out and within the limit. */
  waitFor(peer: Peer): void {
    if (this.isInTime(peer)) this.waitUntil((peer.askedAt ?? 0) + this.limit);
  }

  waitUntil(time: number): void {
    if (time <= this.now) return;
    this.held = true;
    this.until = Math.min(this.until, time);
  }

  isInTime({ out, askedAt, isDoubtful }: Peer): boolean {
    return out > 0 && !isDoubtful && askedAt !== null && this.now - askedAt < this.limit;
  }
}
