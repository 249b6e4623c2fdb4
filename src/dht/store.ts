import { type ErrorReply, getQuery, keyOf, putQuery, type Query, type Reply } from './krpc.ts';
import { type MutableItem, sameItem, target, verifyItem } from './mutable-item.ts';
import type { NoAnswer, Rpc } from './rpc.ts';
import type { AnsweredNode } from './walk.ts';

/** On how many nodes a packet must be confirmed for the work to be done. */
export const ENOUGH = 8;
/** To how many of the closest nodes it is put: so many are asked by clients that stop at the first value. */
export const CLOSEST = 20;
/** To how many of the closest before all are known: one too far off would keep a copy that a later write may not find. */
const AT_ONCE = 12;
/** To how many nodes in all, those that hold another packet of the key among them. */
const MOST = 40;
/** Fewer holders than this are not a publication: as long as one is missing, late nodes are waited for. */
export const LEAST_HOLDERS = 3;
/** How often a node is asked to take the packet, where it is silent or gives another one back. */
const TRIES = 2;
/** How long the rest is waited for once enough nodes hold the packet, in milliseconds. */
const REST_MS = 400;
/** When a contested write looks once more at what its nodes hold, in milliseconds after the last one took it. */
const LOOK_AGAIN_MS = 250;

/** What must be true of a node for it to take the packet. */
export type Condition =
  /** What it holds has a lower `seq`. */
  | 'older'
  /** It still holds what it reported (BEP 44, `cas`). */
  | 'unchanged'
  /** It holds nothing. */
  | 'nothing';

export interface StoreOptions {
  readonly rpc: Rpc;
  /** Who puts: 20 bytes. */
  readonly id: Uint8Array;
  readonly item: MutableItem;
  /** The `seq` that the item was built on, -1 if on nothing: a higher one on a node means that someone else was quicker. */
  readonly base: number;
  /** The `seq` of earlier attempts at the same: those are nobody else's. */
  readonly attempts?: readonly number[];
  readonly condition: Condition;
  /** True where of several that put over the same packet at one moment one alone may have done it. */
  readonly isContested: boolean;
  /** Ends the work early. */
  readonly signal: AbortSignal;
}

/** What became of a packet that was put. */
export interface StoreReport {
  /** How many nodes gave exactly this packet back when asked for it. */
  readonly holders: number;
  /** How many nodes it was put to. */
  readonly tried: number;
  /** How many of those answered anything. */
  readonly answered: number;
  /** What other nodes still give that is older, an item for each of them. */
  readonly older: readonly MutableItem[];
  /** A verified item of the key that someone else published meanwhile; null if none was met. */
  readonly overtakenBy: MutableItem | null;
  /** What the last node that refused it said; null if none did. Written by a stranger. */
  readonly refusal: string | null;
}

/** What became of the packet on one node. */
interface Copy {
  readonly node: AnsweredNode;
  /** What the node gave last; null if nothing. */
  held: MutableItem | null;
  /** True once it answered anything. */
  answered: boolean;
  /** True if it said that it took the packet, and has not given another one since. */
  taken: boolean;
  /** True as long as it is waited for. */
  isInTime: boolean;
  /** True once all that there is to know of it is known. */
  isSettled: boolean;
}

type Answer = Reply | ErrorReply | NoAnswer;

/**
 * Puts an item to the nodes that are considered, the closest that gave a token (BEP 44) and all that hold another packet of the key,
 * and reads it back from each. What a node says is not enough, neither for holding the item nor for somebody being quicker: only what
 * it gives back counts.
 */
export class Store {
  /** Fulfilled once 8 nodes hold it, or nothing more can come: all have answered or passed their limit, or someone else published. */
  readonly enough: Promise<StoreReport>;
  /** Fulfilled when all is known of every node: at most 400 ms after `enough`, or after the second look of a contested write. */
  readonly settled: Promise<StoreReport>;
  private readonly options: StoreOptions;
  private readonly target: Uint8Array;
  /** By `host:port`. */
  private readonly copies = new Map<string, Copy>();
  private nodes: readonly AnsweredNode[] = [];
  private hasAllNodes = false;
  private closest = AT_ONCE;
  private overtakenBy: MutableItem | null = null;
  private refusal: string | null = null;
  private lastTakenAtMs = 0;
  /** How far a contested write is with its second look. */
  private secondLook: 'to do' | 'waits' | 'done';
  private isOver = false;
  private readonly timers = new Set<NodeJS.Timeout>();
  /** True once 8 nodes held it. */
  private isEnough = false;
  private tellEnough: (report: StoreReport) => void = () => {};
  private tellSettled: (report: StoreReport) => void = () => {};

  constructor(options: StoreOptions) {
    this.options = options;
    this.target = target(options.item.publicKey);
    this.secondLook = options.isContested ? 'to do' : 'done';
    this.enough = new Promise((resolve) => {
      this.tellEnough = resolve;
    });
    this.settled = new Promise((resolve) => {
      this.tellSettled = resolve;
    });
    options.signal.addEventListener('abort', this.finish, { once: true });
    if (options.signal.aborted) this.finish();
  }

  /** Puts the item to those of all nodes that are known by now (see `WalkResult.nodes`) that it was not put to yet. */
  consider(nodes: readonly AnsweredNode[]): void {
    this.nodes = nodes;
    const closest = nodes.filter(({ token }) => token !== null).slice(0, this.closest);
    const others = nodes.filter(({ token, item }) => token !== null && this.isOther(item));
    const most = MOST - (CLOSEST - this.closest); // those that are still to come have their places
    for (const node of [...closest, ...others]) {
      if (this.isOver) return;
      if (!this.copies.has(keyOf(node)) && this.copies.size < most) this.start(node);
    }
  }

  /** No more nodes will come. */
  endOfNodes(): void {
    this.hasAllNodes = true;
    this.considerMore();
    this.step();
  }

  private readonly considerMore = (): void => {
    this.closest = CLOSEST;
    this.consider(this.nodes);
  };

  private start(node: AnsweredNode): void {
    // That it gave this very packet before says nothing of what it does now.
    const held = this.isOther(node.item) ? node.item : null;
    const copy = { node, held, answered: false, taken: false, isInTime: true, isSettled: false };
    this.copies.set(keyOf(node), copy);
    if (this.noteIfQuicker(node.item)) return;
    this.follow(copy, this.place(copy));
  }

  /** Waits for a node as long as it is in time, and until its work is done where it is needed. */
  private follow(copy: Copy, work: Promise<unknown>): void {
    copy.isInTime = true;
    copy.isSettled = false;
    void work.then(() => {
      copy.isInTime = false;
      copy.isSettled = true;
      this.step();
    });
  }

  private async place(copy: Copy): Promise<void> {
    const { id, item, isContested } = this.options;
    let { token } = copy.node;
    if (isContested) token = (await this.readBack(copy))?.token ?? token;
    for (let tries = 0; tries < TRIES && !this.isOver && token !== null; tries += 1) {
      if (this.options.condition === 'nothing' && copy.held !== null) return;
      const cas = this.casFor(copy);
      const answer = await this.ask(copy, putQuery(id, item, token, cas));
      if (typeof answer === 'string') return;
      if (answer.kind === 'error') this.refusal = `${answer.code} ${answer.message}`;
      copy.taken = answer.kind === 'reply';
      const reply = await this.readBack(copy);
      if (reply === null) return;
      token = reply.token;
      if (this.holds(copy)) {
        this.step();
        // Nodes of anacrolix/dht compare `cas` with that of the last put, not with the `seq`: after a put that had one they refuse
        // all that follow, a revocation too, for two hours. The same item without it lifts that.
        if (cas !== null && token !== null) await this.ask(copy, putQuery(id, item, token, null));
        return;
      }
    }
  }

  /** Asks a node for what it holds; null where it does not say. */
  private async readBack(copy: Copy): Promise<Reply | null> {
    const { id, item } = this.options;
    const answer = await this.ask(copy, getQuery(id, this.target));
    if (typeof answer === 'string' || answer.kind === 'error') return null;
    copy.held = verifiedItem(answer, item.publicKey);
    if (this.holds(copy)) this.lastTakenAtMs = performance.now();
    else copy.taken = false;
    this.noteIfQuicker(copy.held);
    return answer;
  }

  private casFor({ held }: Copy): number | null {
    const { condition } = this.options;
    if (condition === 'older') return null;
    return condition === 'nothing' ? 0 : (held?.seq ?? null);
  }

  /** Asks a node once, and again if it is silent: a datagram may have been lost. Whichever answer comes counts, however late. */
  private ask(copy: Copy, query: Query): Promise<Answer> {
    const { rpc } = this.options;
    return new Promise((resolve) => {
      let out = 0;
      let isAnswered = false;
      const send = (tries: number) => {
        out += 1;
        let timer: NodeJS.Timeout | undefined;
        const giveUp = () => {
          if (isAnswered || this.isOver) return;
          if (tries < TRIES) return send(tries + 1);
          copy.isInTime = false;
          this.step();
        };
        const onSent = () => {
          timer = setTimeout(() => rpc.afterArrivals(giveUp), rpc.limits().holdMs);
          this.timers.add(timer);
        };
        void rpc.request(copy.node, query, onSent).then((answer) => {
          out -= 1;
          clearTimeout(timer);
          if (timer !== undefined) this.timers.delete(timer);
          if (typeof answer === 'string' && out > 0) return;
          isAnswered = true;
          if (typeof answer !== 'string') {
            copy.answered = true;
            copy.isInTime = true; // it was late, and is there: what follows is waited for again
          }
          resolve(answer);
        });
      };
      send(1);
    });
  }

  /** Looks whether all is done. */
  private step(): void {
    if (this.isOver) return;
    if (this.overtakenBy !== null) {
      this.finish();
      return;
    }
    const holders = [...this.copies.values()].filter(this.holds).length;
    if (holders >= ENOUGH) this.waitForRest();
    if (this.isWaiting(holders)) return;
    if (this.secondLook === 'to do') this.lookAgain();
    else this.finish();
  }

  private isWaiting(holders: number): boolean {
    const copies = [...this.copies.values()];
    if (!this.hasAllNodes || this.secondLook === 'waits' || copies.some(({ isInTime }) => isInTime)) return true;
    return holders < LEAST_HOLDERS && copies.some(({ isSettled }) => !isSettled);
  }

  private waitForRest(): void {
    if (this.isEnough) return;
    this.isEnough = true;
    this.tellEnough(this.report());
    // By then the closest of those that are known must do, or there is no time left to put it to them.
    this.timers.add(setTimeout(this.considerMore, REST_MS / 2));
    if (this.secondLook === 'to do') this.lookAgain();
    else this.finishAfter(REST_MS);
  }

  private finishAfter(milliseconds: number): void {
    this.timers.add(setTimeout(() => this.options.rpc.afterArrivals(this.finish), milliseconds));
  }

  /**
   * Looks once more, later: whoever else put over the same packet has done so by then, or finds ours. A node that does not give it
   * now is none that holds it.
   */
  private lookAgain(): void {
    this.secondLook = 'waits';
    const look = () => {
      this.secondLook = 'done';
      for (const copy of [...this.copies.values()].filter(this.holds)) {
        copy.held = null;
        this.follow(copy, this.readBack(copy));
      }
      this.finishAfter(Math.max(REST_MS, TRIES * this.options.rpc.limits().holdMs));
      this.step();
    };
    const waitMs = this.lastTakenAtMs + LOOK_AGAIN_MS - performance.now();
    this.timers.add(setTimeout(look, Math.max(waitMs, 0)));
  }

  private readonly finish = (): void => {
    if (this.isOver) return;
    this.isOver = true;
    for (const timer of this.timers) clearTimeout(timer);
    this.options.signal.removeEventListener('abort', this.finish);
    const report = this.report();
    this.tellEnough(report);
    this.tellSettled(report);
  };

  private report(): StoreReport {
    const { overtakenBy, refusal } = this;
    const copies = [...this.copies.values()];
    const isPutTo = (node: AnsweredNode) => this.copies.has(keyOf(node));
    const untouched = this.nodes.filter((node) => !isPutTo(node)).map(({ item }) => item);
    const given = [...copies.filter(({ taken }) => !taken).map(({ held }) => held), ...untouched];
    return {
      holders: copies.filter(this.holds).length,
      tried: copies.length,
      answered: copies.filter(({ answered }) => answered).length,
      older: given.flatMap((item) => (item !== null && item.seq < this.options.item.seq ? item : [])),
      overtakenBy,
      refusal,
    };
  }

  private readonly holds = ({ held }: Copy): boolean => held !== null && sameItem(held, this.options.item);

  /** True for another packet of the key than the one that is put. */
  private isOther(item: MutableItem | null): boolean {
    return item !== null && !sameItem(item, this.options.item);
  }

  /**
   * Notes what a node gave if someone else published it meanwhile, which ends the work; true if so. Once enough nodes hold ours, what
   * is older than ours is put over like any other, but for a contested write, where nobody else may have been first either.
   */
  private noteIfQuicker(item: MutableItem | null): boolean {
    const { base, attempts = [], item: ours, isContested } = this.options;
    const least = this.isEnough && !isContested ? ours.seq - 1 : base;
    if (item === null || !this.isOther(item) || item.seq <= least || attempts.includes(item.seq)) return false;
    if (item.seq > (this.overtakenBy?.seq ?? -1)) this.overtakenBy = item;
    this.step();
    return true;
  }
}

/** The verified item of `publicKey` in an answer; null if there is none. */
function verifiedItem({ item }: Reply, publicKey: Uint8Array): MutableItem | null {
  return item !== null && Buffer.compare(item.publicKey, publicKey) === 0 && verifyItem(item) ? item : null;
}
