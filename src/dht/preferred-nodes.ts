import type { NodeAddress } from './krpc.ts';
import { isLocalAddress, subnetOf } from './node-address.ts';
import { idFitsAddress } from './node-id.ts';

/** Honest nodes share a /24 now and then, at a hosting provider; who rents a whole one gets no more places than they. */
const MOST_OF_A_SUBNET = 2;

/**
 * Parts nodes into those that count as the closest to a key and those that somebody may have put there to crowd them out.
 *
 * Preferred is a node whose id fits its address (BEP 42), unless two such of its /24 that are closer have answered. Local addresses
 * are exempt from both: a private network has all its nodes on one machine. Only who has answered takes a place of its /24:
 * anybody can name an address with an id that fits.
 *
 * Both lists are in the order given. A walk is done when the eighth preferred one is known (BEP 42, "Enforcement"), and a put goes to
 * the preferred ones first.
 */
export function byPreference<T extends NodeAddress>(
  closestFirst: Iterable<T>,
  hasAnswered: (node: T) => boolean,
): { preferred: T[]; others: T[] } {
  const preferred: T[] = [];
  const others: T[] = [];
  /** How many of each /24 have their places. */
  const taken = new Map<string, number>();
  for (const node of closestFirst) {
    const { id, host } = node;
    const subnet = subnetOf(host);
    const before = taken.get(subnet) ?? 0;
    if (isLocalAddress(host) || (idFitsAddress(id, host) && before < MOST_OF_A_SUBNET)) {
      preferred.push(node);
      if (hasAnswered(node)) taken.set(subnet, before + 1);
    } else others.push(node);
  }
  return { preferred, others };
}
