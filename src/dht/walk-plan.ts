import { keyOf } from './krpc.ts';
import { isLocalAddress, subnetOf } from './node-address.ts';
import { compareDistance } from './node-id.ts';
import type { AnswerLimits } from './rpc.ts';
import { type Candidate, type Endpoint, hasReplied, isWaiting, type Shortlist } from './shortlist.ts';

/** How many of the closest nodes must have replied for a value to be known: as many as BEP 5 keeps it on. */
export const K = 8;
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
/** How long a bootstrap node is waited for where too few answer, and when it is asked again: a datagram may be lost. In milliseconds. */
const ASKED_AGAIN_MS = 500;
/** How often bootstrap nodes are asked where nobody at all answers, and how often anybody where too few do. */
const TRIES_IN_SILENCE = 3;
const TRIES = 2;
/** How many nodes that replied are asked whether the link is still up, where none of the closest did: some of them may be slow. */
const WITNESSES = 6;

/**
 * Nodes further off than those that are known are looked for around so many ids, spread evenly over the distances from half of
 * the eighth closest one's to four times as far, where the next two dozen are to be expected; then to sixteen times as far, and so on.
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
  /** False as long as addresses of bootstrap nodes may still come. */
  readonly bootstrapDone: boolean;
  /** True once a value came without nodes beside it, which is how bittorrent-dht answers. */
  readonly valuesComeAlone: boolean;
  /** How far off from the target nodes were looked for, beyond those that led to it; null where they were not yet. */
  readonly lookedTo: bigint | null;
}

/** What a walk is to do now. */
export interface Plan {
  /** To be asked for the value, for the first time or again. */
  readonly ask: readonly Endpoint[];
  /** Those of them that are asked for nodes near the target at the same time. */
  readonly askForNodes: readonly Endpoint[];
  /** Nodes that replied, to be asked for nodes near ids (20 bytes) that are further off from the target. */
  readonly askFurtherOff: readonly { readonly endpoint: Endpoint; readonly near: Uint8Array }[];
  /** See `WalkState`: after this step. */
  readonly lookedTo: bigint | null;
  /** True if nothing is left that could change the result. */
  readonly isDone: boolean;
  /** When to plan anew at the latest, if nothing happens before; Infinity where only an answer changes anything. */
  readonly untilMs: number;
}

/**
 * The next step of a walk, as a function of what it knows; `nowMs` is on the clock of `performance.now()`.
 *
 * The walk is done when the `closest` preferred nodes (BEP 42) that replied are known, and each closer one has answered, failed or
 * passed its limit; and the same for up to as many of the others that are as close. Where fewer reply, nodes further off are looked
 * for, silent ones are asked again, and the bootstrap nodes are waited for.
 */
export function plan(shortlist: Shortlist, state: WalkState, limits: AnswerLimits, nowMs: number): Plan {
  return new Planning(shortlist, state, limits, nowMs).plan();
}

/** How far one kind of nodes leads. */
interface Advance {
  /** The distance of the last node that must have replied; null if fewer replied. */
  readonly end: Uint8Array | null;
  /** How many replies there are and may be expected, those of nodes further off not counted. */
  readonly expected: number;
}

class Planning {
  private readonly ask: Endpoint[] = [];
  private readonly askForNodes: Endpoint[] = [];
  private readonly askFurtherOff: { readonly endpoint: Endpoint; readonly near: Uint8Array }[] = [];
  private lookedTo: bigint | null;
  private isHeld = false;
  private untilMs = Number.POSITIVE_INFINITY;
  private readonly asked: number;
  private readonly answered: number;
  /** How many nodes are out and within their limit, and when the first of them passes it. */
  private inFlight = 0;
  private firstEndMs = Number.POSITIVE_INFINITY;
  /** True if someone who may be asked must wait, as too many are in flight. */
  private isCrowded = false;
  private readonly shortlist: Shortlist;
  private readonly state: WalkState;
  private readonly limits: AnswerLimits;
  private readonly nowMs: number;

  constructor(shortlist: Shortlist, state: WalkState, limits: AnswerLimits, nowMs: number) {
    this.shortlist = shortlist;
    this.state = state;
    this.limits = limits;
    this.nowMs = nowMs;
    this.lookedTo = state.lookedTo;
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
    const { preferred, others } = this.shortlist.parted();
    const share = this.shareOfAnswers();
    const first = this.advance(preferred, share, null);
    const second = this.advance(others, share, first.end);
    // A walk to more nodes than a value is kept on needs those further off in any case, and does not wait to find that out.
    if (this.state.closest > K && (this.lookedTo === null || this.hasGap(first))) this.lookFurtherOff();
    if (first.end === null && second.end === null) this.tryHarder(Math.max(first.expected, second.expected));

    if (!this.isHeld && this.ask.length + this.askFurtherOff.length === 0) this.makeSure();

    const { ask, askForNodes, askFurtherOff, lookedTo, untilMs } = this;
    const isDone = !this.isHeld && ask.length === 0 && askFurtherOff.length === 0;
    return { ask, askForNodes, askFurtherOff, lookedTo, isDone, untilMs };
  }

  /**
   * Asks the nodes of one kind, the closest first, as far as the last one that must reply, or `end` if that comes first.
   *
   * `share` is the part of those asked that can be expected to answer.
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
        // If all close nodes hold an old value and name nobody beside it, nobody else leads to the new one.
        if (valuesComeAlone && !endpoint.isDoubtful) this.askForNodes.push(endpoint);
      } else if (isToAsk) {
        this.isCrowded = true;
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
   * The part of the nodes asked that answered in time, as far as that is known; two thirds to begin with, as on the real network.
   * Those that answered in an earlier walk say nothing of the others.
   */
  private shareOfAnswers(): number {
    const asked = this.shortlist.all().filter((candidate) => !isWaiting(candidate) && !candidate.isStart);
    const answered = asked.filter(hasReplied).length;
    const silent = asked.filter(({ replied, endpoint }) => !replied && !this.isInTime(endpoint)).length;
    return (answered + 4) / (answered + silent + 6);
  }

  /** Where too few replied: looks further off, asks silent nodes again, and waits for the bootstrap nodes. */
  private tryHarder(expected: number): void {
    const { closest, bootstrapDone } = this.state;
    if (!bootstrapDone) this.isHeld = true;
    this.askBootstrapNodes();
    const isIdle = this.ask.length === 0 && !this.isCrowded && expected < closest;
    if (!isIdle || this.answered === 0) return;
    const isAnyLikely = this.isAnyLikely();
    if (isAnyLikely || this.askFurtherOff.length > 0) return;
    if (closest > K || this.lookedTo === null) this.lookFurtherOff();
    if (this.askFurtherOff.length === 0) this.askSilentNodes();
  }

  /** Asks about ids that are further off, of those that replied the closest to each. */
  private lookFurtherOff(): void {
    const replied = this.shortlist.byPreference().filter(hasReplied);
    const eighth = replied.slice(0, K).at(-1);
    if (eighth === undefined) return;
    const eighthDistance = numberOf(eighth.distance) || 1n;
    const from = this.lookedTo ?? eighthDistance / 2n;
    if (from >= ID_SPACE) return;
    const to = FURTHER * (this.lookedTo ?? eighthDistance);
    // However close somebody put eight nodes to the target: the second look reaches those that are known already.
    const last = replied.slice(0, this.state.closest).map(({ distance }) => numberOf(distance));
    this.lookedTo = this.lookedTo === null ? to : [to, ...last].reduce((a, b) => (a > b ? a : b));
    this.askAround(from, this.lookedTo, replied);
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

  /** True where there may be closer ones than some of those that were to reply and did, as nobody was asked about ids so far off. */
  private hasGap({ end }: Advance): boolean {
    return end !== null && this.lookedTo !== null && this.lookedTo < numberOf(end);
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
   * Where enough nodes replied, and none of the closest: either those are gone, or all that was sent in one moment was lost, or the
   * link is down since. They are asked once more, and so are the closest that did reply: if these are silent too, nothing is known.
   */
  private makeSure(): void {
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

  /** Nodes that replied, far from the target and each of another /24: whoever sits at a key alone can't make the link look down. */
  private witnesses(): Candidate[] {
    const { preferred, others } = this.shortlist.parted();
    const bySubnet = new Map<string, Candidate>();
    for (const candidate of [...preferred, ...others].filter(hasReplied).reverse()) {
      const { host } = candidate;
      const subnet = isLocalAddress(host) ? keyOf(candidate) : subnetOf(host);
      if (!bySubnet.has(subnet)) bySubnet.set(subnet, candidate);
    }
    return [...bySubnet.values()].slice(0, WITNESSES);
  }

  /** Asks every silent node a second time: a datagram may have been lost. */
  private askSilentNodes(): void {
    const bootstrapNodes = new Set(this.shortlist.bootstrapNodes()); // these have times of their own
    for (const candidate of this.shortlist.all()) {
      if (this.isLate(candidate) && !bootstrapNodes.has(candidate.endpoint)) this.ask.push(candidate.endpoint);
    }
  }

  /** True if an answer is out that may well come. */
  private isAnyLikely(): boolean {
    const likely = [...this.shortlist.endpoints()].filter((endpoint) => this.isLikely(endpoint));
    for (const { askedAtMs } of likely) this.waitUntil((askedAtMs ?? 0) + this.limits.likelyMs);
    return likely.length > 0;
  }

  /** Holds the walk while an answer of this one is out and within the limit. */
  private waitFor(endpoint: Endpoint): void {
    if (!this.isInTime(endpoint)) return;
    this.waitUntil((endpoint.askedAtMs ?? 0) + this.limits.holdMs);
    // It is counted on no longer than that: others are asked in its place.
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

  /** True for one that is silent, and may be asked once more: a datagram may have been lost. */
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
