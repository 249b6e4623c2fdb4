import { type Address, keyOf, type NodeAddress } from './krpc.ts';
import type { MutableItem } from './mutable-item.ts';
import { isLocalAddress, subnetOf } from './node-address.ts';
import { idFitsAddress } from './node-id.ts';
import { groupByPreference, type PreferenceGroups } from './preferred-nodes.ts';

/** How many nodes that were not asked yet are remembered. */
const MAX_WAITING = 256;
/** After so many answers from one /24 no more of it are asked: one machine can answer from many ports. */
const MAX_HEARD = 8;
/**
 * How many nodes without an answer one /24 may name: anybody can make up addresses that are close to a key.
 */
const MAX_UNHEARD = 16;

/** An address that may be asked, and what came of it. */
export interface Endpoint extends Address {
  /** When it was last sent a query, by `performance.now()`; Infinity while that is queued, null before. */
  askedAtMs: number | null;
  /** When it was asked for the first time. */
  firstAskedAtMs: number | null;
  /** How many queries to it are not answered yet. */
  out: number;
  /** How often it was asked for the value. */
  tries: number;
  /** True once it was asked for nodes around the target. */
  askedForNodes: boolean;
  /** True once it answered anything. */
  heard: boolean;
  /** True if the walk does not wait for its answer, which still counts. */
  isDoubtful: boolean;
}

/** A node whose id is known, from itself or from other nodes. */
export interface Candidate extends NodeAddress {
  /** Shared with the bootstrap node at the same address, so that it is asked only once. */
  readonly endpoint: Endpoint;
  id: Uint8Array;
  /** XOR distance from the target: 20 bytes. */
  distance: Uint8Array;
  /** True if its id fits its address (BEP 42); before it is asked, if any id reported for it does. */
  fits: boolean;
  /** True once it has replied to a `get`: an error is no reply. */
  replied: boolean;
  /** True if the walk started from it. */
  isStart: boolean;
  /** True once another node has named it in this walk. */
  isNamed: boolean;
  /** The /24 of the first node that named it; null if that is in our own network, or nobody named it. */
  namedFrom: string | null;
  /** What a `put` to it must include; null if it takes none. */
  token: Uint8Array | null;
  /** The verified item that it holds; null if it holds none. */
  item: MutableItem | null;
}

/** The nodes that a walk has heard of, and what came of asking them. Bounded, whatever other nodes name. */
export class Shortlist {
  /** 20 bytes. */
  readonly target: Uint8Array;
  /** By `host:port`. */
  private readonly known = new Map<string, Candidate>();
  /** The bootstrap nodes, by `host:port`. One that replies, or that others name, is a candidate as well. */
  private readonly bootstrap = new Map<string, Endpoint>();
  private readonly ownId: Uint8Array;
  private readonly wasSilent: (address: Address) => boolean;

  /** `target` is the target of the walk, `ownId` our own id: 20 bytes each. */
  constructor(target: Uint8Array, ownId: Uint8Array, wasSilent: (address: Address) => boolean) {
    this.target = target;
    this.ownId = ownId;
    this.wasSilent = wasSilent;
  }

  /** All candidates, in no particular order. */
  all(): Candidate[] {
    return [...this.known.values()];
  }

  bootstrapNodes(): Endpoint[] {
    return [...this.bootstrap.values()];
  }

  /** The endpoints of all candidates and bootstrap nodes. */
  endpoints(): Set<Endpoint> {
    return new Set([...this.all().map(({ endpoint }) => endpoint), ...this.bootstrapNodes()]);
  }

  get(address: Address): Candidate | undefined {
    return this.known.get(keyOf(address));
  }

  addBootstrapNode(address: Address): void {
    const key = keyOf(address);
    // Two names may resolve to one address.
    if (!this.bootstrap.has(key)) this.bootstrap.set(key, this.get(address)?.endpoint ?? this.newEndpoint(address));
  }

  /** Adds a node to start from. */
  addStart(node: NodeAddress): void {
    const candidate = this.add(node, null);
    if (candidate !== undefined) candidate.isStart = true;
  }

  /** Adds a node that replied to an earlier walk to the same target: it is not asked for the value again. */
  addReplied(node: NodeAddress & Pick<Candidate, 'token' | 'item'>): void {
    const candidate = this.add(node, null);
    if (candidate === undefined) return;
    Object.assign(candidate, { replied: true, isStart: true, token: node.token, item: node.item });
    Object.assign(candidate.endpoint, { heard: true, tries: 1, isDoubtful: false });
  }

  /**
   * Adds nodes that another one has named. However many those are, only the closest preferred ones are kept,
   * and only a few from each /24 that names them.
   */
  learn(from: Address, nodes: readonly NodeAddress[]): void {
    const isHere = isLocalAddress(from.host);
    // No node on the Internet knows our own network: one that names local addresses wants us to send to them.
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

  /** Adds a node with an id (20 bytes). `namedFrom`: see `Candidate`. */
  addCandidate({ host, port }: Address, id: Uint8Array, namedFrom: string | null): Candidate {
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

  /** Gives a node another id (20 bytes), and with it another distance. */
  setId(candidate: Candidate, id: Uint8Array): void {
    candidate.id = id;
    candidate.distance = this.distance(id);
    candidate.fits = idFitsAddress(id, candidate.host);
  }

  /** False if so many nodes of its /24 have answered that they may all be one machine. */
  mayAsk({ host }: Address): boolean {
    if (isLocalAddress(host)) return true;
    const subnet = subnetOf(host);
    const heard = this.all().filter((other) => other.endpoint.heard && subnetOf(other.host) === subnet);
    return heard.length < MAX_HEARD;
  }

  /** All candidates, closest first. */
  byDistance(): Candidate[] {
    return this.all().sort((a, b) => Buffer.compare(a.distance, b.distance));
  }

  /** All candidates, the preferred ones first, closest first in each group. */
  byPreference(): Candidate[] {
    const { preferred, others, crowd } = this.groups();
    return [...preferred, ...others, ...crowd];
  }

  /** All candidates, grouped by whether they count as the closest. */
  groups(): PreferenceGroups<Candidate> {
    return groupByPreference(this.byDistance(), hasReplied);
  }

  /** Returns undefined if the node is not accepted. */
  private add(node: NodeAddress, namedFrom: string | null): Candidate | undefined {
    if (Buffer.compare(node.id, this.ownId) === 0) return undefined;
    const known = this.get(node);
    if (known === undefined) {
      const isTooMany = namedFrom !== null && this.unheard(namedFrom) >= MAX_UNHEARD;
      return isTooMany ? undefined : this.addCandidate(node, node.id, namedFrom);
    }
    // Until it is asked, keep the closest id that any node reported for this address, and let it count as
    // fitting if any reported id does, so that nobody can hide a node by misreporting its id.
    if (isWaiting(known)) {
      const fits = known.fits || idFitsAddress(node.id, node.host);
      if (Buffer.compare(this.distance(node.id), known.distance) < 0) this.setId(known, node.id);
      known.fits = fits;
    }
    return known;
  }

  /** How many nodes first named by a /24 have not answered. */
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
