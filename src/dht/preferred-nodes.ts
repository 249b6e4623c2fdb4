import type { NodeAddress } from './krpc.ts';
import { isLocalAddress, subnetOf } from './node-address.ts';
import { idFitsAddress } from './node-id.ts';

/** Honest nodes share a /24 now and then, at a hosting provider; who rents a whole one gets no more places than they. */
const MOST_OF_A_SUBNET = 2;

/** Nodes by how much they count as the closest to a key; each list in the order given. */
export interface ByPreference<T> {
  /** Their id fits their address, or the address is a local one: a private network has all its nodes on one machine. */
  readonly preferred: T[];
  /** Their id does not fit their address: old clients, or nodes that somebody put there. */
  readonly others: T[];
  /** Two closer ones of the same kind and the same /24 have answered. */
  readonly crowd: T[];
}

/**
 * Parts nodes into those that count as the closest to a key and those that somebody may have put there to crowd them out.
 *
 * A node says itself whether its id `fits`, where that is known. Only who has answered takes a place of its /24: anybody can name an address with an id that fits. A walk is done when the eighth
 * preferred one is known (BEP 42, "Enforcement"), and a put goes to the preferred ones first.
 */
export function byPreference<T extends NodeAddress & { readonly fits?: boolean }>(
  closestFirst: Iterable<T>,
  hasAnswered: (node: T) => boolean,
): ByPreference<T> {
  const preferred: T[] = [];
  const others: T[] = [];
  const crowd: T[] = [];
  /** How many of each kind and /24 have their places. */
  const taken = new Map<string, number>();
  for (const node of closestFirst) {
    if (isLocalAddress(node.host)) {
      preferred.push(node);
      continue;
    }
    const fits = node.fits ?? idFitsAddress(node.id, node.host);
    const place = `${fits} ${subnetOf(node.host)}`;
    const before = taken.get(place) ?? 0;
    if (before === MOST_OF_A_SUBNET) crowd.push(node);
    else (fits ? preferred : others).push(node);
    if (hasAnswered(node)) taken.set(place, Math.min(before + 1, MOST_OF_A_SUBNET));
  }
  return { preferred, others, crowd };
}
