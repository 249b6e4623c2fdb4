import type { KnownValue } from './known-values.ts';

/** Where a secret was found: the file of the session, and the line in it, from 1. */
export interface FoundPlace {
  readonly file: string;
  readonly line: number;
  readonly value: string;
}

/** Secrets of one kind that were found. */
interface FoundKind {
  readonly kind: string;
  /** How many different ones. */
  readonly values: number;
  readonly places: number;
  /** The first few places, each on a line of its own, and how often it was found there. */
  readonly first: readonly (FoundPlace & { readonly times: number })[];
}

/** The places that are remembered of each kind. */
const MOST_PLACES = 3;

/** Nobody has so many secrets. More would take more memory than there may be, in UTF-16 units as well. */
const MOST_VALUES = 100_000;
const MOST_UNITS = 16_000_000;

/** What was found in a session: each value counts as what it was found to be first. */
export class Findings {
  readonly #values = new Map<string, Counted>();
  readonly #kinds = new Map<string, Counted>();
  readonly #files = new Set<string>();
  #units = 0;

  /** How many different values there are. */
  get size(): number {
    return this.#values.size;
  }

  /** Whether these are more than a session can have. */
  get areTooMany(): boolean {
    return this.#values.size > MOST_VALUES || this.#units > MOST_UNITS;
  }

  /** The files in which something was found. */
  get files(): ReadonlySet<string> {
    return this.#files;
  }

  /** The values in the order in which they were found. */
  *values(): Generator<KnownValue> {
    for (const [value, { kind }] of this.#values) yield { kind, value };
  }

  /** By kind, the most frequent first. */
  kinds(): readonly FoundKind[] {
    return [...this.#kinds.values()].sort((a, b) => b.places - a.places);
  }

  add(kind: string, place: FoundPlace): void {
    const known = this.#values.get(place.value);
    const found = known ?? this.#ofKind(kind);
    if (known === undefined) {
      this.#values.set(place.value, found);
      found.values += 1;
      this.#units += place.value.length;
    }
    found.places += 1;
    this.#files.add(place.file);
    const near = found.first.find(({ file, line }) => file === place.file && line === place.line);
    if (near !== undefined) near.times += 1;
    else if (found.first.length < MOST_PLACES) found.first.push({ ...place, times: 1 });
  }

  has(value: string): boolean {
    return this.#values.has(value);
  }

  /** Takes what was found later. True if there are values among it that were not known. */
  addAll(later: Findings): boolean {
    const before = this.size;
    for (const [value, { kind }] of later.#values) {
      if (!this.#values.has(value)) this.#values.set(value, this.#ofKind(kind));
    }
    return this.size > before;
  }

  #ofKind(kind: string): Counted {
    let found = this.#kinds.get(kind);
    if (found === undefined) {
      found = { kind, values: 0, places: 0, first: [] };
      this.#kinds.set(kind, found);
    }
    return found;
  }
}

/** A kind as it is counted. */
interface Counted extends FoundKind {
  values: number;
  places: number;
  readonly first: (FoundPlace & { times: number })[];
}
