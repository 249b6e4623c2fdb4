import { type ErrorReply, getQuery, keyOf, putQuery, type Query, type Reply } from './krpc.ts';
import { type MutableItem, sameItem, target, verifyItem } from './mutable-item.ts';
import type { NoAnswer, Rpc } from './rpc.ts';
import type { AnsweredNode } from './walk.ts';

/** How many nodes must return the packet before a put is done. */
export const ENOUGH = 8;
/** How many of the closest nodes it is put to: clients that stop at the first value ask that many. */
export const CLOSEST = 20;
/**
 * How many of the closest it is put to before all are known: one too far off would keep a copy that later
 * writes may not find.
 */
const CLOSEST_AT_FIRST = 12;
/** How many nodes it is put to in all, including those that hold another packet of the key. */
const MAX_COPIES = 40;
/** With fewer holders the packet is not published: until there are as many, late nodes are waited for. */
export const LEAST_HOLDERS = 3;
/** How often a node is asked to take the packet if it is silent or returns another one. */
const TRIES = 2;
/** How long the remaining nodes are waited for once enough nodes hold the packet. */
const REST_MS = 400;
/** How long after the last node took the packet a contested write reads its nodes again. */
const RECHECK_MS = 250;

/** What a node must hold for the packet to replace it. */
export type Condition =
  /** Something with a lower `seq`, or nothing. */
  | 'older'
  /** What it reported (BEP 44, `cas`). */
  | 'unchanged'
  /** Nothing. */
  | 'nothing';

export interface StoreOptions {
  readonly rpc: Rpc;
  /** Our own id: 20 bytes. */
  readonly id: Uint8Array;
  readonly item: MutableItem;
  /**
   * The `seq` of the item that this one builds on, -1 if there was none: a higher one on a node means that
   * someone else was first.
   */
  readonly base: number;
  /** The `seq` of earlier attempts at this write, which do not count as someone else's. */
  readonly attempts?: readonly number[];
  readonly condition: Condition;
  /** True if at most one of several clients that replace the same packet at the same moment may succeed. */
  readonly isContested: boolean;
  /** Ends the work early. */
  readonly signal: AbortSignal;
}

/** What became of a packet that was put. */
export interface StoreReport {
  /** How many nodes returned exactly this packet when asked for it. */
  readonly holders: number;
  /** How many nodes it was put to. */
  readonly tried: number;
  /** How many of those answered at all. */
  readonly answered: number;
  /** The older items that other nodes still return, one per node. */
  readonly older: readonly MutableItem[];
  /** A verified item of the key that someone else published meanwhile; null if none was seen. */
  readonly overtakenBy: MutableItem | null;
  /** The error of the last node that refused it; null if none did. Untrusted text. */
  readonly refusal: string | null;
}

/** What is known of the packet on one node. */
interface Copy {
  readonly node: AnsweredNode;
  /** What the node returned last; null if nothing. */
  held: MutableItem | null;
  /** True once it answered anything. */
  answered: boolean;
  /** True if it said that it took the packet, and has not returned another one since. */
  taken: boolean;
  /** True while it is waited for. */
  isInTime: boolean;
  /** True once nothing more will be learned from it. */
  isSettled: boolean;
}

type Answer = Reply | ErrorReply | NoAnswer;

/**
 * Puts an item to the closest nodes that gave a token (BEP 44) and to all that hold another packet of the
 * key, and reads it back from each. What a node says proves nothing, neither that it holds the item nor that
 * someone else was first: only what it returns counts.
 */
export class Store {
  /**
   * Fulfilled once 8 nodes hold it, or no more can: all have answered or passed their limit, or someone else
   * published.
   */
  readonly enough: Promise<StoreReport>;
  /** Fulfilled with the final report, at most 400 ms after `enough` or after reading everything again. */
  readonly settled: Promise<StoreReport>;
  private readonly options: StoreOptions;
  private readonly target: Uint8Array;
  /** By `host:port`. */
  private readonly copies = new Map<string, Copy>();
  private nodes: readonly AnsweredNode[] = [];
  private hasAllNodes = false;
  private closest = CLOSEST_AT_FIRST;
  private overtakenBy: MutableItem | null = null;
  private refusal: string | null = null;
  private lastTakenAtMs = 0;
  /** The second read of a contested write. */
  private recheck: 'due' | 'scheduled' | 'done';
  private isOver = false;
  private readonly timers = new Set<NodeJS.Timeout>();
  /** True once 8 nodes held it. */
  private isEnough = false;
  private tellEnough: (report: StoreReport) => void = () => {};
  private tellSettled: (report: StoreReport) => void = () => {};

  constructor(options: StoreOptions) {
    this.options = options;
    this.target = target(options.item.publicKey);
    this.recheck = options.isContested ? 'due' : 'done';
    this.enough = new Promise((resolve) => {
      this.tellEnough = resolve;
    });
    this.settled = new Promise((resolve) => {
      this.tellSettled = resolve;
    });
    options.signal.addEventListener('abort', this.finish, { once: true });
    if (options.signal.aborted) this.finish();
  }

  /** Takes all nodes known by now (see `WalkResult.nodes`); puts the item to those that still need it. */
  consider(nodes: readonly AnsweredNode[]): void {
    this.nodes = nodes;
    const closest = nodes.filter(({ token }) => token !== null).slice(0, this.closest);
    const others = nodes.filter(({ token, item }) => token !== null && this.isOther(item));
    const most = MAX_COPIES - (CLOSEST - this.closest); // keeps room for close nodes that are still to come
    for (const node of [...closest, ...others]) {
      if (this.isOver) return;
      if (!this.copies.has(keyOf(node)) && this.copies.size < most) this.start(node);
    }
  }

  /** To be called when no more nodes will come. */
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
    // That it returned this packet before does not mean that it holds it now.
    const held = this.isOther(node.item) ? node.item : null;
    const copy = { node, held, answered: false, taken: false, isInTime: true, isSettled: false };
    this.copies.set(keyOf(node), copy);
    if (this.noteIfOvertaken(node.item)) return;
    this.follow(copy, this.putTo(copy));
  }

  /** Waits for a node within its limit, or until its work is done if too few nodes hold the packet. */
  private follow(copy: Copy, work: Promise<unknown>): void {
    copy.isInTime = true;
    copy.isSettled = false;
    void work.then(() => {
      copy.isInTime = false;
      copy.isSettled = true;
      this.step();
    });
  }

  private async putTo(copy: Copy): Promise<void> {
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
        // anacrolix/dht compares `cas` with the `cas` of the last put, not with the `seq`: after a put with
        // one it refuses all others, even a revocation, for two hours. Putting the same item without `cas`
        // lifts that.
        if (cas !== null && token !== null) await this.ask(copy, putQuery(id, item, token, null));
        return;
      }
    }
  }

  /** Asks a node what it holds; null if it does not reply. */
  private async readBack(copy: Copy): Promise<Reply | null> {
    const { id, item } = this.options;
    const answer = await this.ask(copy, getQuery(id, this.target));
    if (typeof answer === 'string' || answer.kind === 'error') return null;
    copy.held = verifiedItem(answer, item.publicKey);
    if (this.holds(copy)) this.lastTakenAtMs = performance.now();
    else copy.taken = false;
    this.noteIfOvertaken(copy.held);
    return answer;
  }

  private casFor({ held }: Copy): number | null {
    const { condition } = this.options;
    if (condition === 'older') return null;
    return condition === 'nothing' ? 0 : (held?.seq ?? null);
  }

  /**
   * Asks a node, and again if it is silent, because a datagram may have been lost. Either answer counts,
   * however late it is.
   */
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
            copy.isInTime = true; // late, but alive: its next answers are waited for again
          }
          resolve(answer);
        });
      };
      send(1);
    });
  }

  /** Checks whether everything is done. */
  private step(): void {
    if (this.isOver) return;
    if (this.overtakenBy !== null) {
      this.finish();
      return;
    }
    const holders = [...this.copies.values()].filter(this.holds).length;
    if (holders >= ENOUGH) this.waitForRest();
    if (this.isWaiting(holders)) return;
    if (this.recheck === 'due') this.scheduleRecheck();
    else this.finish();
  }

  private isWaiting(holders: number): boolean {
    const copies = [...this.copies.values()];
    if (!this.hasAllNodes || this.recheck === 'scheduled' || copies.some(({ isInTime }) => isInTime)) return true;
    return holders < LEAST_HOLDERS && copies.some(({ isSettled }) => !isSettled);
  }

  private waitForRest(): void {
    if (this.isEnough) return;
    this.isEnough = true;
    this.tellEnough(this.report());
    // Halfway, the closest nodes known by then must do, or there is no time left to put the packet to them.
    this.timers.add(setTimeout(this.considerMore, REST_MS / 2));
    if (this.recheck === 'due') this.scheduleRecheck();
    else this.finishAfter(REST_MS);
  }

  private finishAfter(delayMs: number): void {
    this.timers.add(setTimeout(() => this.options.rpc.afterArrivals(this.finish), delayMs));
  }

  /**
   * Reads all holders again, later: by then anyone else who replaces the same packet has done so, or finds
   * ours. A node that does not return ours now does not count as a holder.
   */
  private scheduleRecheck(): void {
    this.recheck = 'scheduled';
    const readAgain = () => {
      this.recheck = 'done';
      for (const copy of [...this.copies.values()].filter(this.holds)) {
        copy.held = null;
        this.follow(copy, this.readBack(copy));
      }
      this.finishAfter(Math.max(REST_MS, TRIES * this.options.rpc.limits().holdMs));
      this.step();
    };
    const waitMs = this.lastTakenAtMs + RECHECK_MS - performance.now();
    this.timers.add(setTimeout(readAgain, Math.max(waitMs, 0)));
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

  /** True for another packet of the key than the one being put. */
  private isOther(item: MutableItem | null): boolean {
    return item !== null && !sameItem(item, this.options.item);
  }

  /**
   * If someone else published this item meanwhile, records it, which ends the work, and returns true. Once
   * enough nodes hold our packet an older one is simply overwritten, except in a contested write, in which
   * nobody else may have been first either.
   */
  private noteIfOvertaken(item: MutableItem | null): boolean {
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
