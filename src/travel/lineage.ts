import { Links } from './links.ts';

/**
 * What was said in a session: the `uuid`s of its user and assistant records in the order of the file, each
 * counted once. Records that may be dropped on the way (attachments, thinking alone) don't count.
 */
export class Lineage {
  readonly #said = new Map<string, number>();
  readonly #links: Links;
  /** The last place where the conversation was compacted. Claude Code may have removed what stood before. */
  #boundary: { readonly position: number; readonly after: string | null } | null = null;

  constructor(links: Links = new Links()) {
    this.#links = links;
  }

  /** How many there are. */
  get length(): number {
    return this.#said.size;
  }

  say(uuid: string): void {
    if (!this.#said.has(uuid)) this.#said.set(uuid, this.#said.size);
  }

  /** Notes that the conversation up to the record `after` was compacted here. */
  compact(after: string | null): void {
    this.#boundary = { position: this.#said.size, after };
  }

  /** Whether `other` goes on where this one ends: has all that was said here, unless it was compacted since. */
  isBeginningOf(other: Lineage): boolean {
    const compacted = this.#compactedIn(other);
    let last = -1;
    for (const [uuid, position] of this.#said) {
      if (position <= compacted) continue;
      const there = other.#said.get(uuid) ?? -1;
      if (there <= last) return false;
      last = there;
    }
    return true;
  }

  /** Up to where this one is what `other` has compacted; -1 if nowhere. */
  #compactedIn(other: Lineage): number {
    const boundary = other.#boundary;
    if (boundary === null) return -1;
    const isSaid = (uuid: string) => this.#said.has(uuid);
    const after = boundary.after === null ? null : this.#links.firstFrom(boundary.after, isSaid);
    let compacted = after === null ? -1 : (this.#said.get(after) ?? -1);
    for (const [uuid, position] of other.#said) {
      if (position >= boundary.position) break;
      compacted = Math.max(compacted, this.#said.get(uuid) ?? -1);
    }
    return compacted;
  }
}

/** How a session here is related to one from there. */
export type Relation = 'same' | 'here is older' | 'here is newer' | 'apart';

/** Compares two lineages: which of them is the beginning of the other. */
export function compareLineage(here: Lineage, there: Lineage): Relation {
  const isOlder = here.isBeginningOf(there);
  if (there.isBeginningOf(here)) return isOlder ? 'same' : 'here is newer';
  return isOlder ? 'here is older' : 'apart';
}
