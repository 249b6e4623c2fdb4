import { BundleFailure } from '../bundle/bundle-failure.ts';

/** More records than any session has: this many take about 60 MB of memory. */
const MOST_RECORDS = 500_000;
/** How many steps are taken in all to look for circles: only links that point forwards need any. */
const MOST_STEPS = 20_000_000;
const NONE = -1;
const [UNSEEN, KEPT, DROPPED] = [0, 1, 2];

/**
 * How the records of a transcript point at each other, and which were dropped: what points at one of those
 * shall point at what that one pointed at.
 */
export class Links {
  /** How many were dropped after a record had pointed at them. */
  droppedLate = 0;
  readonly #indices = new Map<string, number>();
  readonly #uuids: string[] = [];
  readonly #parents: number[] = [];
  readonly #states: number[] = [];
  #dropped = 0;
  #steps = 0;

  get hasDropped(): boolean {
    return this.#dropped > 0;
  }

  /** Notes a record that is kept, and where it points now. */
  keep(uuid: string, parent: string | null): void {
    this.#note(uuid, parent, KEPT);
  }

  /** Notes a record that is dropped. A kept one of the same `uuid` outweighs it. */
  drop(uuid: string, parent: string | null): void {
    const index = this.#indices.get(uuid);
    if (index !== undefined) {
      if (this.#states[index] === KEPT) return;
      if (this.#states[index] === UNSEEN) this.droppedLate += 1;
    }
    this.#dropped += 1;
    this.#note(uuid, parent, DROPPED);
  }

  isKept(uuid: string): boolean {
    return this.#states[this.#indices.get(uuid) ?? NONE] === KEPT;
  }

  /** The ids of those that were dropped. */
  *dropped(): Generator<string> {
    for (const [index, uuid] of this.#uuids.entries()) if (this.#states[index] === DROPPED) yield uuid;
  }

  isDropped(uuid: string): boolean {
    return this.#states[this.#indices.get(uuid) ?? NONE] === DROPPED;
  }

  /**
   * Where a link to `uuid` has to point: there, if it was not dropped. Null if nothing is left to point at.
   */
  resolve(uuid: string): string | null {
    const start = this.#indices.get(uuid) ?? NONE;
    if (this.#states[start] !== DROPPED) return uuid;
    const passed = new Set<number>();
    let index = start;
    while (this.#states[index] === DROPPED && !passed.has(index)) {
      passed.add(index);
      index = this.#parents[index] ?? NONE;
    }
    if (this.#states[index] === DROPPED) index = NONE; // a circle
    for (const each of passed) this.#parents[each] = index;
    return this.#uuids[index] ?? null;
  }

  /** Whether a record `uuid` that points at `parent` would close a circle. */
  closesCircle(uuid: string, parent: string): boolean {
    const index = this.#indices.get(uuid);
    if (uuid === parent) return true;
    // Nothing pointed at it so far, and it did not point anywhere.
    if (index === undefined) return false;
    let at = this.#indices.get(parent) ?? NONE;
    while (at !== NONE && at !== index) {
      this.#steps += 1;
      // Real ones don't point forwards, let alone so often.
      if (this.#steps > MOST_STEPS) return true;
      at = this.#parents[at] ?? NONE;
    }
    return at === index;
  }

  /** The first from `uuid` on, by way of what each points at, that `isWanted`; null if none of `most` is. */
  firstFrom(uuid: string, isWanted: (uuid: string) => boolean, most: number): string | null {
    let index = this.#indices.get(uuid) ?? NONE;
    for (let steps = 0; index !== NONE && steps < most; steps += 1) {
      const each = this.#uuids[index] ?? '';
      if (isWanted(each)) return each;
      index = this.#parents[index] ?? NONE;
    }
    return null;
  }

  #note(uuid: string, parent: string | null, state: number): void {
    const index = this.#indexOf(uuid);
    this.#states[index] = state;
    this.#parents[index] = parent === null ? NONE : this.#indexOf(parent);
  }

  #indexOf(uuid: string): number {
    let index = this.#indices.get(uuid);
    if (index === undefined) {
      index = this.#uuids.length;
      if (index >= MOST_RECORDS) {
        throw new BundleFailure('over the limits', 'The session has more than 500,000 records.', 'Compact it first.');
      }
      this.#indices.set(uuid, index);
      this.#uuids.push(uuid);
      this.#parents.push(NONE);
      this.#states.push(UNSEEN);
    }
    return index;
  }
}
