import { type Address, keyOf, type NodeAddress } from './krpc.ts';
import { isLocalAddress, subnetOf } from './node-address.ts';
import { idFitsAddress } from './node-id.ts';
import { type ByPreference, byPreference } from './preferred-nodes.ts';

/** How many nodes that were not asked yet are remembered. */
const MAX_WAITING = 256;
/** How many nodes of one /24 may answer before no more of it are asked: one machine can answer from thousands of ports. */
const MAX_HEARD = 8;
/** How many nodes that do not answer one /24 may name: anybody can make up addresses that are close to a key. */
const MAX_UNHEARD = 16;

/** Somebody who may be asked, and what became of it. */
export interface Peer extends Address {
  /** When something was last sent to it, on the clock of `performance.now()`; Infinity while that waits for its turn, null before. */
  askedAt: number | null;
  /** How many answers are out. */
  out: number;
  /** How often it was asked for the value. */
  tries: number;
  askedForNodes: boolean;
  /** True once it answered anything. */
  heard: boolean;
  /** True if nobody waits for its answer, which counts all the same. */
  isDoubtful: boolean;
}

/** A node whose id is known, by its own word or by that of others. */
export interface Contact extends NodeAddress {
  /** A bootstrap node may be a node close to the key as well: it is asked once for both. */
  readonly peer: Peer;
  id: Uint8Array;
  /** From the key. */
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
  token: Uint8Array | null;
  seq: number | null;
}

/** The nodes that a walk has heard of, and what became of asking them. Bounded, whatever strangers name. */
export class Contacts {
  /** By `host:port`. */
  private readonly known = new Map<string, Contact>();
  /** The bootstrap nodes, by `host:port`. One that replies, or that others name, is a contact as well. */
  private readonly rootsByKey = new Map<string, Peer>();
  private readonly target: Uint8Array;
  private readonly ownId: Uint8Array;
  private readonly wasSilent: (address: Address) => boolean;

  /** `target` is what the walk goes to, `ownId` who walks: 20 bytes each. */
  constructor(target: Uint8Array, ownId: Uint8Array, wasSilent: (address: Address) => boolean) {
    this.target = target;
    this.ownId = ownId;
    this.wasSilent = wasSilent;
  }

  /** All of them, in no order. */
  all(): Contact[] {
    return [...this.known.values()];
  }

  roots(): Peer[] {
    return [...this.rootsByKey.values()];
  }

  /** All who were asked, or may be. */
  peers(): Set<Peer> {
    return new Set([...this.all().map(({ peer }) => peer), ...this.roots()]);
  }

  get(address: Address): Contact | undefined {
    return this.known.get(keyOf(address));
  }

  /** Enters a bootstrap node. */
  addRoot(address: Address): void {
    const key = keyOf(address);
    // Two names may lead to one address.
    if (!this.rootsByKey.has(key)) this.rootsByKey.set(key, this.get(address)?.peer ?? this.newPeer(address));
  }

  /** Enters a node to begin with. */
  addStart(node: NodeAddress): void {
    const contact = this.add(node, null);
    if (contact !== undefined) contact.isStart = true;
  }

  /** Enters the nodes that one has named. However many those are, the closest that are preferred are kept, and few of each who names. */
  learn(from: Address, nodes: readonly NodeAddress[]): void {
    const isHere = isLocalAddress(from.host);
    // Nobody on the Internet knows who listens in our own network; he would have us send to it.
    const namedFrom = isHere ? null : subnetOf(from.host);
    for (const node of nodes) {
      if (!isHere && isLocalAddress(node.host)) continue;
      const contact = this.add(node, namedFrom);
      if (contact !== undefined) contact.isNamed = true;
    }
    if (this.all().filter(isWaiting).length <= MAX_WAITING) return;
    const waiting = this.byPreference().filter(isWaiting);
    for (const contact of waiting.slice(MAX_WAITING)) this.known.delete(keyOf(contact));
  }

  /** Enters a node under an id (20 bytes). `namedFrom`: see `Contact`. */
  contactAt({ host, port }: Address, id: Uint8Array, namedFrom: string | null): Contact {
    const contact: Contact = {
      host,
      port,
      peer: this.rootsByKey.get(keyOf({ host, port })) ?? this.newPeer({ host, port }),
      id,
      distance: this.distance(id),
      fits: idFitsAddress(id, host),
      replied: false,
      isStart: false,
      isNamed: false,
      namedFrom,
      token: null,
      seq: null,
    };
    this.known.set(keyOf(contact), contact);
    return contact;
  }

  /** Has a node stand where an id (20 bytes) puts it. */
  place(contact: Contact, id: Uint8Array): void {
    contact.id = id;
    contact.distance = this.distance(id);
    contact.fits = idFitsAddress(id, contact.host);
  }

  /** False where so many nodes of its /24 have answered that they may be all one. */
  mayAsk({ host }: Address): boolean {
    if (isLocalAddress(host)) return true;
    const subnet = subnetOf(host);
    const heard = this.all().filter((contact) => contact.peer.heard && subnetOf(contact.host) === subnet);
    return heard.length < MAX_HEARD;
  }

  /** All, the closest first. */
  byDistance(): Contact[] {
    return this.all().sort((a, b) => Buffer.compare(a.distance, b.distance));
  }

  /** All, the preferred ones first, and of those the closest. */
  byPreference(): Contact[] {
    const { preferred, others, crowd } = this.parted();
    return [...preferred, ...others, ...crowd];
  }

  /** All, by how much they count as the closest. */
  parted(): ByPreference<Contact> {
    return byPreference(this.byDistance(), hasReplied);
  }

  /** Undefined where it is not entered. */
  private add(node: NodeAddress, namedFrom: string | null): Contact | undefined {
    if (Buffer.compare(node.id, this.ownId) === 0) return undefined;
    const known = this.get(node);
    if (known === undefined) {
      const isTooMany = namedFrom !== null && this.unheard(namedFrom) >= MAX_UNHEARD;
      return isTooMany ? undefined : this.contactAt(node, node.id, namedFrom);
    }
    // Until it is asked, it stands where the boldest of those who named it puts it, and its id may fit if one of theirs does:
    // nobody can hide a node by naming it far off, or by an id that it can't have.
    if (isWaiting(known)) {
      const fits = known.fits || idFitsAddress(node.id, node.host);
      if (Buffer.compare(this.distance(node.id), known.distance) < 0) this.place(known, node.id);
      known.fits = fits;
    }
    return known;
  }

  /** How many of the nodes that a /24 named have not answered. */
  private unheard(subnet: string): number {
    return this.all().filter(({ namedFrom, peer }) => namedFrom === subnet && !peer.heard).length;
  }

  private newPeer({ host, port }: Address): Peer {
    const isDoubtful = this.wasSilent({ host, port });
    return { host, port, askedAt: null, out: 0, tries: 0, askedForNodes: false, heard: false, isDoubtful };
  }

  private distance(id: Uint8Array): Uint8Array {
    return id.map((byte, i) => byte ^ (this.target[i] ?? 0));
  }
}

export const isWaiting = ({ peer }: Contact) => peer.tries === 0;

export const hasReplied = ({ replied }: Contact) => replied;
