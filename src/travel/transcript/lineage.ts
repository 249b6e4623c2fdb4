import { Links } from './links.ts';

/** How many attachments and notes may follow each other. */
const MOST_UNSAID = 1000;

/**
 * What was said in a session: the `uuid`s of its user and assistant records in the order of the file, each
 * counted once. Records that may be dropped on the way (attachments, thinking alone) don't count.
 */
export class Lineage {
  readonly #said = new Map<string, number>();
  readonly #links: Links;
  /** The records up to which the conversation was compacted, each time. Claude Code may have removed them. */
  readonly #compacted: string[] = [];
  #last: string | null = null;
  /** How much had been said when it was compacted for the last time. */
  #saidBefore = 0;

  constructor(links: Links = new Links()) {
    this.#links = links;
  }

  /** How many there are. */
  get length(): number {
    return this.#said.size;
  }

  /** The last record of them; null if there is none. */
  get last(): string | null {
    return this.#last;
  }

  has(uuid: string): boolean {
    return this.#said.has(uuid);
  }

  say(uuid: string): void {
    this.#last = uuid;
    if (!this.#said.has(uuid)) this.#said.set(uuid, this.#said.size);
  }

  /** Notes that the conversation up to the record `after` was compacted here. */
  compact(after: string | null): void {
    this.#saidBefore = this.#said.size;
    if (after !== null) this.#compacted.push(after);
  }

  /**
   * Whether `other` goes on where this one ends: has all that was said here, unless it was compacted since.
   */
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
    const positions = other.#compacted.map((uuid) => this.#positionAt(uuid));
    let compacted = positions.reduce((most, position) => Math.max(most, position), -1);
    for (const [uuid, position] of other.#said) {
      if (position >= other.#saidBefore) break;
      compacted = Math.max(compacted, this.#said.get(uuid) ?? -1);
    }
    return compacted;
  }

  /** The position of a record, or of the last that was said before it; -1 if it is not here. */
  #positionAt(record: string): number {
    const uuid = this.#links.firstFrom(record, (each) => this.#said.has(each), MOST_UNSAID);
    return uuid === null ? -1 : (this.#said.get(uuid) ?? -1);
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
