import { flatten } from './flat-text.ts';

/** Where known values stand in a flat text. */
export interface Place {
  /** Of the longest value in it, in the order in which they were given. */
  readonly index: number;
  readonly start: number;
  readonly end: number;
}

/** A shorter value is not looked for. */
const SHORTEST_BYTES = 4;

/**
 * Values that are known, to be found wherever they stand, in whatever escaping: they are flattened, and looked
 * for in flat text. It takes the same time for one and for thousands.
 */
export class ExactValues {
  readonly #values: { readonly index: number; readonly bytes: Buffer }[];
  readonly #kinds: readonly string[];

  /** Of equal values the first counts. Spaces around one are not looked for, nor one of less than 4 bytes. */
  constructor(values: Iterable<{ readonly kind: string; readonly value: string }>) {
    const all = [...values];
    this.#kinds = all.map(({ kind }) => kind);
    this.#values = all
      .map(({ value }, index) => ({ index, bytes: flatValue(value) }))
      .filter(({ bytes }) => bytes.length >= SHORTEST_BYTES);
  }

  /**
   * Where they stand in a flat text or in a part of it, in order. Places never overlap: where values do, the
   * place is all that they cover.
   */
  *in(flat: Buffer, from = 0, to = flat.length): Generator<Place, void, void> {
    const part = flat.subarray(from, to);
    const found: Place[] = [];
    for (const { index, bytes } of this.#values) {
      for (let at = part.indexOf(bytes); at !== -1; at = part.indexOf(bytes, at + 1)) {
        found.push({ index, start: from + at, end: from + at + bytes.length });
      }
    }
    yield* merged(found);
  }

  /** Of the value at an index. */
  kindOf(index: number): string {
    return this.#kinds[index] ?? '';
  }

  /** Whether one of them stands in a text, whatever its escaping. */
  holds(source: Buffer): boolean {
    return this.in(flatten(source).bytes).next().done === false;
  }
}

const flatValue = (value: string) => Buffer.from(flatten(Buffer.from(value)).bytes.toString().trim());

function* merged(found: readonly Place[]): Generator<Place, void, void> {
  let place: Place | null = null;
  let longest = 0;
  for (const next of found.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    if (place !== null && next.start < place.end) {
      const isLonger = next.end - next.start > longest;
      longest = Math.max(longest, next.end - next.start);
      place = { index: isLonger ? next.index : place.index, start: place.start, end: Math.max(place.end, next.end) };
    } else {
      if (place !== null) yield place;
      place = next;
      longest = next.end - next.start;
    }
  }
  if (place !== null) yield place;
}
