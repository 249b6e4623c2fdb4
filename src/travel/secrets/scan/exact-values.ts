import { Flattening, flatten } from './flat-text.ts';
import type { KnownValue } from './known-values.ts';
import { type Literal, Literals } from './literals.ts';
import { bytesOf, textOf } from './value-text.ts';

/** Where known values stand in a flat text. */
export interface Place {
  /** Of the longest value in it, in the order in which they were given. */
  readonly index: number;
  readonly start: number;
  readonly end: number;
}

/** A shorter value is not looked for. */
const SHORTEST_BYTES = 4;
/** How much of a text is flattened at once to be looked through: a line may be of 16 MB. */
const STEP_BYTES = 64 * 1024;
const BACKSLASH = 0x5c;

/**
 * Values that are known, to be found wherever they stand, in whatever escaping: they are flattened, and
 * looked for in flat text. It takes the same time for one and for thousands.
 */
export class ExactValues {
  /** How long the longest one is in flat text, in bytes. */
  readonly longest: number;
  /** What is looked for: each value as it stands in flat text, some in two ways. */
  readonly literals: readonly Literal[];
  readonly #kinds: readonly string[];
  /** The index of the value, for each literal. */
  readonly #indexes: number[] = [];
  readonly #search: Literals;
  /** Of `holds`, which is asked for each line of a session. */
  #flattening: Flattening | null = null;

  /**
   * Of equal values the first counts. Spaces around one are not looked for, nor backslashes at its end; nor
   * is what is shorter than 4 bytes then.
   */
  constructor(values: Iterable<KnownValue>) {
    const all = [...values];
    this.#kinds = all.map(({ kind }) => kind);
    const literals: Literal[] = [];
    const seen = new Set<string>();
    for (const [index, { value }] of all.entries()) {
      for (const bytes of formsOf(value)) {
        const key = bytes.toString('latin1');
        if (bytes.length < SHORTEST_BYTES || seen.has(key)) continue;
        seen.add(key);
        literals.push({ bytes, isAnyCase: false });
        this.#indexes.push(index);
      }
    }
    this.literals = literals;
    this.longest = literals.reduce((most, { bytes }) => Math.max(most, bytes.length), 0);
    this.#search = new Literals(literals);
  }

  /** Of the value at an index. */
  kindOf(index: number): string {
    return this.#kinds[index] ?? '';
  }

  /**
   * Where they stand in a flat text or in a part of it, in order. Places never overlap: where values do, the
   * place is all that they cover.
   */
  *in(flat: Buffer, from = 0, to = flat.length): Generator<Place, void, void> {
    const found: Place[] = [];
    this.#search.search(flat, from, to, (literal, start) => found.push(this.placeOf(literal, start)));
    yield* merged(found);
  }

  /** Where one of the literals was found, for who looks for them together with others. */
  placeOf(literal: number, start: number): Place {
    const { bytes } = this.literals[literal] as Literal;
    return { index: this.#indexes[literal] as number, start, end: start + bytes.length };
  }

  /** Whether one of them stands in a text, whatever its escaping. */
  holds(source: Buffer): boolean {
    if (this.literals.length === 0) return false;
    this.#flattening ??= new Flattening(Buffer.allocUnsafeSlow(this.longest + STEP_BYTES));
    const flattening = this.#flattening;
    flattening.clear();
    let isThere = false;
    for (let at = 0; at < source.length && !isThere; ) {
      const to = Math.min(at + STEP_BYTES, source.length);
      at += flattening.add(source.subarray(at, to), to === source.length);
      this.#search.search(flattening.bytes, 0, flattening.length, () => {
        isThere = true;
      });
      flattening.drop(Math.max(0, flattening.length - this.longest));
    }
    return isThere;
  }
}

/** How a value may stand in flat text. */
function formsOf(value: string): Buffer[] {
  const flat = textOf(flatten(bytesOf(value)).bytes)
    .trim()
    .replace(/[\s\\]+$/, '');
  const form = bytesOf(flat);
  // A backslash before it takes its first character: `C:\name` flattens to another text.
  const behindBackslash = flatten(Buffer.concat([Buffer.of(BACKSLASH), form])).bytes;
  return behindBackslash[0] === BACKSLASH || behindBackslash.equals(form) ? [form] : [form, behindBackslash];
}

/** Places in order, those that overlap as one. */
export function* merged(found: readonly Place[]): Generator<Place, void, void> {
  let place: Place | null = null;
  let longest = 0;
  for (const next of found.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    const length = next.end - next.start;
    if (place !== null && next.start < place.end) {
      const index: number = length > longest ? next.index : place.index;
      place = { index, start: place.start, end: Math.max(place.end, next.end) };
      longest = Math.max(longest, length);
    } else {
      if (place !== null) yield place;
      place = next;
      longest = length;
    }
  }
  if (place !== null) yield place;
}
