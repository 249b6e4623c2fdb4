import { type Address, keyOf, type NodeAddress } from './krpc.ts';
import type { MutableItem } from './mutable-item.ts';
import { isLocalAddress, subnetOf } from './node-address.ts';
import { idFitsAddress } from './node-id.ts';
import { type ByPreference, byPreference } from './preferred-nodes.ts';

/** How many nodes that were not asked yet are remembered. */
const MAX_WAITING = 256;
/** How many nodes of one /24 may answer before no more of it are asked: one machine can answer from thousands of ports. */
const MAX_HEARD = 8;
/** How many nodes that do not answer one /24 may name: anybody can make up addresses that are close to a key. */
const MAX_UNHEARD = 16;

/** An address that may be asked, and what came of asking it. */
export interface Endpoint extends Address {
  /** When something was last sent to it, on the clock of `performance.now()`; Infinity while that waits for its turn, null before. */
  askedAtMs: number | null;
  /** When it was asked for the first time. */
  firstAskedAtMs: number | null;
  /** How many of its answers are still out. */
  out: number;
  /** How often it was asked for the value. */
  tries: number;
  /** True once it was asked for nodes around the target. */
  askedForNodes: boolean;
  /** True once it answered anything. */
  heard: boolean;
  /** True if the walk does not wait for its answer, which counts all the same. */
  isDoubtful: boolean;
}

/** A node whose id is known, by its own word or by that of others. */
export interface Candidate extends NodeAddress {
  /** A bootstrap node may be a node close to the target as well: it is asked once for both. */
  readonly endpoint: Endpoint;
  id: Uint8Array;
  /** From the target, by XOR: 20 bytes. */
  distance: Uint8Array;
  /** True if its id fits its address (BEP 42); before it answers, if any of the ids does that it was named by. */
  fits: boolean;
  /** True once it said what it holds and whom it knows: an error is no reply. */
  replied: boolean;
  /** True if the walk began with it. */
  isStart: boolean;
  /** True once another node has named it in this walk. */
  isNamed: boolean;
  /** The /24 of the node that named it first; null if that is in our own network, or nobody named it. */
  namedFrom: string | null;
  /** What a `put` to it must bring; null if it takes none. */
  token: Uint8Array | null;
  /** The verified item that it holds; null if it holds none. */
  item: MutableItem | null;
}

/** The nodes that a walk has heard of, and what came of asking them. Bounded, whatever strangers name. */
export class Shortlist {
  /** 20 bytes. */
  readonly target: Uint8Array;
  /** By `host:port`. */
  private readonly known = new Map<string, Candidate>();
  /** The bootstrap nodes, by `host:port`. One that replies, or that others name, is a candidate as well. */
  private readonly bootstrap = new Map<string, Endpoint>();
  private readonly ownId: Uint8Array;
  private readonly wasSilent: (address: Address) => boolean;

  /** `target` is what the walk goes to, `ownId` who walks: 20 bytes each. */
  constructor(target: Uint8Array, ownId: Uint8Array, wasSilent: (address: Address) => boolean) {
    this.target = target;
    this.ownId = ownId;
    this.wasSilent = wasSilent;
  }

  /** All of them, in no order. */
  all(): Candidate[] {
    return [...this.known.values()];
  }

  bootstrapNodes(): Endpoint[] {
    return [...this.bootstrap.values()];
  }

  /** All that were asked, or may be. */
  endpoints(): Set<Endpoint> {
    return new Set([...this.all().map(({ endpoint }) => endpoint), ...this.bootstrapNodes()]);
  }

  get(address: Address): Candidate | undefined {
    return this.known.get(keyOf(address));
  }

  addBootstrapNode(address: Address): void {
    const key = keyOf(address);
    // Two names may lead to one address.
    if (!this.bootstrap.has(key)) this.bootstrap.set(key, this.get(address)?.endpoint ?? this.newEndpoint(address));
  }

  /** Enters a node to begin with. */
  addStart(node: NodeAddress): void {
    const candidate = this.add(node, null);
    if (candidate !== undefined) candidate.isStart = true;
  }

  /** Enters a node that replied to an earlier walk to the same target: it is not asked for the value again. */
  addReplied(node: NodeAddress & Pick<Candidate, 'token' | 'item'>): void {
    const candidate = this.add(node, null);
    if (candidate === undefined) return;
    Object.assign(candidate, { replied: true, isStart: true, token: node.token, item: node.item });
    Object.assign(candidate.endpoint, { heard: true, tries: 1, isDoubtful: false });
  }

  /** Enters the nodes that one has named. However many those are, the closest that are preferred are kept, and few of each that names. */
  learn(from: Address, nodes: readonly NodeAddress[]): void {
    const isHere = isLocalAddress(from.host);
    // No node on the Internet knows who listens in our own network; one that says so would have us send to it.
    const namedFrom = isHere ? null : subnetOf(from.host);
    for (const node of nodes) {
      if (!isHere && isLocalAddress(node.host)) continue;
      const candidate = this.add(node, namedFrom);
      if (candidate !== undefined) candidate.isNamed = true;
    }
    if (this.all().filter(isWaiting).length <= MAX_WAITING) return;
    const waiting = this.byPreference().filter(isWaiting);
    for (const candidate of waiting.slice(MAX_WAITING)) this.known.delete(keyOf(candidate));
  }

  /** Enters a node under an id (20 bytes). `namedFrom`: see `Candidate`. */
  candidateAt({ host, port }: Address, id: Uint8Array, namedFrom: string | null): Candidate {
    const candidate: Candidate = {
      host,
      port,
      endpoint: this.bootstrap.get(keyOf({ host, port })) ?? this.newEndpoint({ host, port }),
      id,
      distance: this.distance(id),
      fits: idFitsAddress(id, host),
      replied: false,
      isStart: false,
      isNamed: false,
      namedFrom,
      token: null,
      item: null,
    };
    this.known.set(keyOf(candidate), candidate);
    return candidate;
  }

  /** Moves a node to where an id (20 bytes) puts it. */
  place(candidate: Candidate, id: Uint8Array): void {
    candidate.id = id;
    candidate.distance = this.distance(id);
    candidate.fits = idFitsAddress(id, candidate.host);
  }

  /** False where so many nodes of its /24 have answered that they may be all one. */
  mayAsk({ host }: Address): boolean {
    if (isLocalAddress(host)) return true;
    const subnet = subnetOf(host);
    const heard = this.all().filter((other) => other.endpoint.heard && subnetOf(other.host) === subnet);
    return heard.length < MAX_HEARD;
  }

  /** All, the closest first. */
  byDistance(): Candidate[] {
    return this.all().sort((a, b) => Buffer.compare(a.distance, b.distance));
  }

  /** All, the preferred ones first, and of those the closest. */
  byPreference(): Candidate[] {
    const { preferred, others, crowd } = this.parted();
    return [...preferred, ...others, ...crowd];
  }

  /** All, by how much they count as the closest. */
  parted(): ByPreference<Candidate> {
    return byPreference(this.byDistance(), hasReplied);
  }

  /** Undefined where it is not entered. */
  private add(node: NodeAddress, namedFrom: string | null): Candidate | undefined {
    if (Buffer.compare(node.id, this.ownId) === 0) return undefined;
    const known = this.get(node);
    if (known === undefined) {
      const isTooMany = namedFrom !== null && this.unheard(namedFrom) >= MAX_UNHEARD;
      return isTooMany ? undefined : this.candidateAt(node, node.id, namedFrom);
    }
    // Until queried, keep the closest id that any node reported for this address, and count it as fitting if any reported id
    // does, so that nobody can hide a node by misreporting its id.
    if (isWaiting(known)) {
      const fits = known.fits || idFitsAddress(node.id, node.host);
      if (Buffer.compare(this.distance(node.id), known.distance) < 0) this.place(known, node.id);
      known.fits = fits;
    }
    return known;
  }

  /** How many of the nodes that a /24 named have not answered. */
  private unheard(subnet: string): number {
    return this.all().filter(({ namedFrom, endpoint }) => namedFrom === subnet && !endpoint.heard).length;
  }

  private newEndpoint({ host, port }: Address): Endpoint {
    return {
      host,
      port,
      askedAtMs: null,
      firstAskedAtMs: null,
      out: 0,
      tries: 0,
      askedForNodes: false,
      heard: false,
      isDoubtful: this.wasSilent({ host, port }),
    };
  }

  private distance(id: Uint8Array): Uint8Array {
    return id.map((byte, i) => byte ^ (this.target[i] ?? 0));
  }
}

export const isWaiting = ({ endpoint }: Candidate) => endpoint.tries === 0;

export const hasReplied = ({ replied }: Candidate) => replied;
