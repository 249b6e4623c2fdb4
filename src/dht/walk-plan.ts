import { keyOf } from './krpc.ts';
import { isLocalAddress, subnetOf } from './node-address.ts';
import { compareDistance } from './node-id.ts';
import type { AnswerLimits } from './rpc.ts';
import { type Candidate, type Endpoint, hasReplied, isWaiting, type Shortlist } from './shortlist.ts';

/** How many of the closest nodes must have replied to end a walk: BEP 5 stores a value on as many. */
export const K = 8;
/**
 * How many asked nodes may be within their limit at once, with up to two requests each. Nodes past their
 * limit do not count.
 */
const MAX_IN_FLIGHT = 14;
/**
 * How many more answers than needed must be expected from closer nodes, by the share that has answered so
 * far, before a node further off is left unasked.
 *
 * Measured: with fewer the walk waits for one dead node after another; more cost requests and gain nothing.
 */
const MARGIN = 2;
/** A walk that asks more nodes than this is being led astray. */
const MAX_ASKED = 512;
/**
 * If too few nodes answer: after how long a bootstrap node is asked again, because a datagram may have been
 * lost.
 */
const ASKED_AGAIN_MS = 500;
/** How often bootstrap nodes are asked if no node at all answers, and how often any node if too few do. */
const TRIES_IN_SILENCE = 3;
const TRIES = 2;
/**
 * If none of the closest nodes replied: how many others are asked whether the link is up. Some may be slow.
 */
const WITNESSES = 6;

/**
 * To find nodes further off than the known ones, a walk asks about this many ids, spread evenly over the
 * distances from half to four times that of the eighth closest node, where the next two dozen can be
 * expected; then up to sixteen times, and so on.
 *
 * Measured: with fewer ids some of the 20 closest are missed.
 */
const IDS_FURTHER_OFF = 14;
const FURTHER = 4n;
const ID_SPACE = 1n << 160n;

/** What a walk knows beside its shortlist. */
export interface WalkState {
  /** How many of the closest must have replied. */
  readonly closest: number;
  /** False while addresses of bootstrap nodes may still come. */
  readonly bootstrapDone: boolean;
  /** True once a value came without nodes, which is how bittorrent-dht answers. */
  readonly valuesComeAlone: boolean;
  /** Up to which distance from the target nodes further off were searched for; null if they were not yet. */
  readonly searchedTo: bigint | null;
}

/** What a walk is to do now. */
export interface Plan {
  /** Endpoints to ask for the value, for the first time or again. */
  readonly ask: readonly Endpoint[];
  /** Those of them to ask for nodes near the target at the same time. */
  readonly askForNodes: readonly Endpoint[];
  /** Nodes that replied, to ask for nodes near ids (20 bytes) that are further off from the target. */
  readonly askFurtherOff: readonly { readonly endpoint: Endpoint; readonly near: Uint8Array }[];
  /** `WalkState.searchedTo` after this step. */
  readonly searchedTo: bigint | null;
  /** True if nothing is left that could change the result. */
  readonly isDone: boolean;
  /** When to plan again at the latest; Infinity if only an answer can change anything. */
  readonly untilMs: number;
}

/**
 * The next step of a walk, as a function of what it knows. `nowMs` is `performance.now()`.
 *
 * The walk is done when `closest` preferred nodes (BEP 42) have replied, and every closer one has answered,
 * failed or passed its limit; likewise for up to as many of the other nodes within that distance. If fewer
 * reply, the walk searches further off, asks silent nodes again, and waits for the bootstrap nodes.
 */
export function plan(shortlist: Shortlist, state: WalkState, limits: AnswerLimits, nowMs: number): Plan {
  return new Planning(shortlist, state, limits, nowMs).plan();
}

/** How far the walk has come among one kind of nodes. */
interface Advance {
  /** The distance of the last node whose reply is needed; null if too few have replied. */
  readonly end: Uint8Array | null;
  /** How many replies have come or can be expected, those of nodes further off not counted. */
  readonly expected: number;
}

class Planning {
  private readonly ask: Endpoint[] = [];
  private readonly askForNodes: Endpoint[] = [];
  private readonly askFurtherOff: { readonly endpoint: Endpoint; readonly near: Uint8Array }[] = [];
  private searchedTo: bigint | null;
  private isHeld = false;
  private untilMs = Number.POSITIVE_INFINITY;
  private readonly asked: number;
  private readonly answered: number;
  /** How many asked nodes are within their limit, and when the first of them passes it. */
  private inFlight = 0;
  private firstEndMs = Number.POSITIVE_INFINITY;
  /** True if a node that should be asked must wait because too many are in flight. */
  private isAtCapacity = false;
  private readonly shortlist: Shortlist;
  private readonly state: WalkState;
  private readonly limits: AnswerLimits;
  private readonly nowMs: number;

  constructor(shortlist: Shortlist, state: WalkState, limits: AnswerLimits, nowMs: number) {
    this.shortlist = shortlist;
    this.state = state;
    this.limits = limits;
    this.nowMs = nowMs;
    this.searchedTo = state.searchedTo;
    const endpoints = [...shortlist.endpoints()];
    this.asked = endpoints.filter(({ tries }) => tries > 0).length;
    this.answered = endpoints.filter(({ heard }) => heard).length;
    for (const { endpoint } of shortlist.all()) {
      if (!this.isInTime(endpoint)) continue;
      this.inFlight += 1;
      this.firstEndMs = Math.min(this.firstEndMs, (endpoint.askedAtMs ?? 0) + limits.holdMs);
    }
  }

  plan(): Plan {
    const { preferred, others } = this.shortlist.groups();
    const share = this.shareOfAnswers();
    const first = this.advance(preferred, share, null);
    const second = this.advance(others, share, first.end);
    // A walk to more nodes than store a value always needs those further off: it searches for them at once.
    if (this.state.closest > K && (this.searchedTo === null || this.hasGap(first))) this.searchFurtherOff();
    if (first.end === null && second.end === null) this.tryHarder(Math.max(first.expected, second.expected));

    if (!this.isHeld && this.ask.length + this.askFurtherOff.length === 0) this.confirmSilence();

    const { ask, askForNodes, askFurtherOff, searchedTo, untilMs } = this;
    const isDone = !this.isHeld && ask.length === 0 && askFurtherOff.length === 0;
    return { ask, askForNodes, askFurtherOff, searchedTo, isDone, untilMs };
  }

  /**
   * Asks the nodes of one kind, closest first, up to the last one that must reply, but not beyond `end`.
   *
   * `share` is the part of the asked nodes that can be expected to answer.
   */
  private advance(closestFirst: readonly Candidate[], share: number, end: Uint8Array | null): Advance {
    const { closest, valuesComeAlone } = this.state;
    let replied = 0;
    let expected = 0;
    for (const candidate of closestFirst) {
      if (expected >= closest + MARGIN) break;
      if (end !== null && Buffer.compare(candidate.distance, end) > 0) break;
      const { endpoint } = candidate;
      const isToAsk = isWaiting(candidate) && this.asked + this.ask.length < MAX_ASKED;
      if (isToAsk && !this.shortlist.mayAsk(candidate)) continue;
      const isAsked = isToAsk && this.inFlight < MAX_IN_FLIGHT;
      if (isAsked) {
        this.inFlight += 1;
        this.ask.push(endpoint);
        // If all close nodes hold an old value and return no nodes with it, only this leads to the new one.
        if (valuesComeAlone && !endpoint.isDoubtful) this.askForNodes.push(endpoint);
      } else if (isToAsk) {
        this.isAtCapacity = true;
        this.waitUntil(this.firstEndMs);
      } else if (closest > K && this.isLate(candidate)) this.ask.push(endpoint);
      this.waitFor(endpoint);
      if (candidate.replied) {
        replied += 1;
        expected += 1;
      } else if ((isAsked && !endpoint.isDoubtful) || this.isLikely(endpoint)) expected += share;
      if (replied === closest) return { end: candidate.distance, expected };
    }
    return { end: null, expected };
  }

  /**
   * The part of the asked nodes that answered in time, as far as known; two thirds at first, as on the real
   * network. Nodes that this walk started from say nothing about the others.
   */
  private shareOfAnswers(): number {
    const asked = this.shortlist.all().filter((candidate) => !isWaiting(candidate) && !candidate.isStart);
    const answered = asked.filter(hasReplied).length;
    const silent = asked.filter(({ replied, endpoint }) => !replied && !this.isInTime(endpoint)).length;
    return (answered + 4) / (answered + silent + 6);
  }

  /** If too few replied: searches further off, asks silent nodes again, and waits for the bootstrap nodes. */
  private tryHarder(expected: number): void {
    const { closest, bootstrapDone } = this.state;
    if (!bootstrapDone) this.isHeld = true;
    this.askBootstrapNodes();
    const isIdle = this.ask.length === 0 && !this.isAtCapacity && expected < closest;
    if (!isIdle || this.answered === 0) return;
    const isAnyLikely = this.isAnyLikely();
    if (isAnyLikely || this.askFurtherOff.length > 0) return;
    if (closest > K || this.searchedTo === null) this.searchFurtherOff();
    if (this.askFurtherOff.length === 0) this.askSilentNodes();
  }

  /** Asks about ids further off: for each, the closest node that replied. */
  private searchFurtherOff(): void {
    const replied = this.shortlist.byPreference().filter(hasReplied);
    const eighth = replied.slice(0, K).at(-1);
    if (eighth === undefined) return;
    const eighthDistance = numberOf(eighth.distance) || 1n;
    const from = this.searchedTo ?? eighthDistance / 2n;
    if (from >= ID_SPACE) return;
    const to = FURTHER * (this.searchedTo ?? eighthDistance);
    // However close to the target somebody placed eight nodes, the second search reaches all known ones.
    const last = replied.slice(0, this.state.closest).map(({ distance }) => numberOf(distance));
    this.searchedTo = this.searchedTo === null ? to : [to, ...last].reduce((a, b) => (a > b ? a : b));
    this.askAround(from, this.searchedTo, replied);
  }

  private askAround(from: bigint, to: bigint, replied: readonly Candidate[]): void {
    for (let i = 0; i < IDS_FURTHER_OFF; i += 1) {
      const distance = from + ((to - from) * BigInt(2 * i + 1)) / BigInt(2 * IDS_FURTHER_OFF);
      if (distance >= ID_SPACE) return;
      const near = bytesOf(distance ^ numberOf(this.shortlist.target));
      const [closest] = replied.toSorted((a, b) => compareDistance(a.id, b.id, near));
      if (closest !== undefined) this.askFurtherOff.push({ endpoint: closest.endpoint, near });
    }
  }

  /** True if a node that replied is further off than was searched so far: closer ones may be unknown. */
  private hasGap({ end }: Advance): boolean {
    return end !== null && this.searchedTo !== null && this.searchedTo < numberOf(end);
  }

  private askBootstrapNodes(): void {
    const tries = this.answered === 0 ? TRIES_IN_SILENCE : TRIES;
    for (const node of this.shortlist.bootstrapNodes()) {
      if (node.heard) {
        this.waitFor(node);
        continue;
      }
      const againAtMs = (node.askedAtMs ?? 0) + ASKED_AGAIN_MS;
      const isDue = node.tries === 0 || (node.out > 0 && this.nowMs >= againAtMs);
      if (isDue && node.tries < tries && !this.ask.includes(node)) this.ask.push(node);
      if (node.out > 0) this.waitUntil(againAtMs);
    }
  }

  /**
   * If none of the closest nodes replied, they may be gone, everything sent at one moment may have been lost,
   * or the link may have gone down. They are asked once more, together with nodes that did reply: if those
   * are silent too, nothing is known.
   */
  private confirmSilence(): void {
    const asked = this.shortlist.byDistance().filter(({ endpoint }) => endpoint.tries > 0 && !endpoint.isDoubtful);
    const closest = asked.slice(0, K);
    if (closest.some(hasReplied)) return;
    const witnesses = this.witnesses().map(({ endpoint }) => endpoint);
    // One that answers again is enough.
    const hasAnswered = [...this.shortlist.endpoints()].some(
      ({ heard, tries, out }) => heard && tries >= TRIES && out === 0,
    );
    for (const endpoint of [...closest.map(({ endpoint }) => endpoint), ...(hasAnswered ? [] : witnesses)]) {
      if (endpoint.tries < TRIES) this.ask.push(endpoint);
      else this.waitFor(endpoint);
    }
  }

  /**
   * Nodes that replied, furthest from the target first and one per /24, so that whoever controls the nodes
   * near a key can't make the link look down.
   */
  private witnesses(): Candidate[] {
    const { preferred, others } = this.shortlist.groups();
    const bySubnet = new Map<string, Candidate>();
    for (const candidate of [...preferred, ...others].filter(hasReplied).reverse()) {
      const { host } = candidate;
      const subnet = isLocalAddress(host) ? keyOf(candidate) : subnetOf(host);
      if (!bySubnet.has(subnet)) bySubnet.set(subnet, candidate);
    }
    return [...bySubnet.values()].slice(0, WITNESSES);
  }

  /** Asks every silent node a second time, because a datagram may have been lost. */
  private askSilentNodes(): void {
    const bootstrapNodes = new Set(this.shortlist.bootstrapNodes()); // these are timed separately
    for (const candidate of this.shortlist.all()) {
      if (this.isLate(candidate) && !bootstrapNodes.has(candidate.endpoint)) this.ask.push(candidate.endpoint);
    }
  }

  /** True if any answer is still likely. */
  private isAnyLikely(): boolean {
    const likely = [...this.shortlist.endpoints()].filter((endpoint) => this.isLikely(endpoint));
    for (const { askedAtMs } of likely) this.waitUntil((askedAtMs ?? 0) + this.limits.likelyMs);
    return likely.length > 0;
  }

  /** Holds the walk while an answer of this node may come within the limit. */
  private waitFor(endpoint: Endpoint): void {
    if (!this.isInTime(endpoint)) return;
    this.waitUntil((endpoint.askedAtMs ?? 0) + this.limits.holdMs);
    // After that it is no longer expected to answer, and others are asked in its place.
    if (this.isLikely(endpoint)) this.waitUntil((endpoint.askedAtMs ?? 0) + this.limits.likelyMs);
  }

  private waitUntil(timeMs: number): void {
    if (timeMs <= this.nowMs) return;
    this.isHeld = true;
    this.untilMs = Math.min(this.untilMs, timeMs);
  }

  private isInTime(endpoint: Endpoint): boolean {
    return this.isWithin(endpoint, this.limits.holdMs);
  }

  private isLikely(endpoint: Endpoint): boolean {
    return this.isWithin(endpoint, this.limits.likelyMs);
  }

  /** True for a silent node that may be asked once more, because a datagram may have been lost. */
  private isLate({ replied, endpoint }: Candidate): boolean {
    const { out, tries, askedAtMs } = endpoint;
    if (replied || out === 0 || tries >= TRIES || askedAtMs === null) return false;
    return this.nowMs - askedAtMs >= this.limits.likelyMs;
  }

  private isWithin({ out, askedAtMs, isDoubtful }: Endpoint, limitMs: number): boolean {
    return out > 0 && !isDoubtful && askedAtMs !== null && this.nowMs - askedAtMs < limitMs;
  }
}

const numberOf = (id: Uint8Array): bigint => BigInt(`0x${Buffer.from(id).toString('hex')}`);

const bytesOf = (id: bigint): Uint8Array => Buffer.from(id.toString(16).padStart(40, '0'), 'hex');
