import type { NodeAddress } from './krpc.ts';
import { isLocalAddress, subnetOf } from './node-address.ts';
import { idFitsAddress } from './node-id.ts';

/** Honest nodes at one hosting provider may share a /24; renting a whole one must gain no more than that. */
const MAX_PER_SUBNET = 2;

/** Nodes grouped by whether they count as the closest to a key; each group keeps the given order. */
export interface PreferenceGroups<T> {
  /**
   * Their id fits their address, or the address is local: a private network has all its nodes on one machine.
   */
  readonly preferred: T[];
  /** Their id does not fit their address: old clients, or nodes that somebody placed there. */
  readonly others: T[];
  /** Two closer nodes of the same kind and the same /24 have answered. */
  readonly crowd: T[];
}

/**
 * Separates nodes that count as the closest to a key from those that somebody may have placed there to crowd
 * them out.
 *
 * `fits`, where known, says whether a node's id fits its address. Only nodes that have answered use up the
 * slots of their /24, because anybody can name an address with an id that fits. A walk is done when the
 * eighth preferred node is known (BEP 42, "Enforcement"), and a put goes to the preferred nodes first.
 */
export function groupByPreference<T extends NodeAddress & { readonly fits?: boolean }>(
  closestFirst: Iterable<T>,
  hasAnswered: (node: T) => boolean,
): PreferenceGroups<T> {
  const preferred: T[] = [];
  const others: T[] = [];
  const crowd: T[] = [];
  /** How many slots are taken, by kind and /24. */
  const taken = new Map<string, number>();
  for (const node of closestFirst) {
    if (isLocalAddress(node.host)) {
      preferred.push(node);
      continue;
    }
    const fits = node.fits ?? idFitsAddress(node.id, node.host);
    const slot = `${fits} ${subnetOf(node.host)}`;
    const before = taken.get(slot) ?? 0;
    if (before === MAX_PER_SUBNET) crowd.push(node);
    else (fits ? preferred : others).push(node);
    if (hasAnswered(node)) taken.set(slot, Math.min(before + 1, MAX_PER_SUBNET));
  }
  return { preferred, others, crowd };
}
