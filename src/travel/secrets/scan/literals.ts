import { SortedLiterals } from './sorted-literals.ts';

/** A sequence of bytes that is looked for. */
export interface Literal {
  readonly bytes: Buffer;
  /** Whether it is found in any case: ASCII in lower case. */
  readonly isAnyCase: boolean;
}

/** What is shorter can't be looked for. */
const SHORTEST_LITERAL = 3;

/** How much of a literal it is found by: a gram. */
const GRAM_BYTES = 4;
/** The most that a literal begins before its gram. */
export const MOST_OFFSET = 64;
const LEVEL_BITS = 16;
const TABLE_BITS = 18;
/** That a gram ends in three bytes of such a hash, or that they are a literal. */
const [LONG, SHORT] = [1, 2];
/** Bytes with letters in lower case. */
const FOLDED = Uint8Array.from({ length: 256 }, (_, code) => (code >= 0x41 && code <= 0x5a ? code + 0x20 : code));

/** The literals that have a gram. */
interface Met {
  readonly inAnyCase: Start[];
  /** Those in their own case, by the place of the gram in them. */
  readonly sorted: SortedLiterals[];
}

/** Where a literal has the gram that it is found by. */
interface Start {
  readonly literal: number;
  readonly offset: number;
}

type OnMet = (literal: number, start: number) => void;

/**
 * Finds many literals in one pass, which takes about the same time for one and for thousands: by four bytes
 * of each (by all if it has three). At each place a table is asked whether the last three bytes are part of
 * any, and a larger one only if they are. Nobody can make it slow by literals that are nearly the same, or by
 * a text that is nearly theirs: these are sorted, and few of them are compared.
 */
export class Literals {
  readonly #literals: readonly Literal[];
  readonly #levels = new Uint8Array(2 ** LEVEL_BITS);
  readonly #bits = new Uint32Array(2 ** (TABLE_BITS - 5));
  readonly #long: ReadonlyMap<number, Met>;
  readonly #short: ReadonlyMap<number, Met>;
  #searches = 0;

  constructor(literals: readonly Literal[]) {
    this.#literals = literals;
    const [long, short] = [new Map<number, Start[]>(), new Map<number, Start[]>()];
    for (const [literal, { bytes }] of literals.entries()) {
      if (bytes.length < SHORTEST_LITERAL) throw new RangeError('a literal is too short to be looked for');
      const offset = bytes.length < GRAM_BYTES ? 0 : rarestGram(bytes);
      const gram = gramAt(bytes, offset, Math.min(bytes.length, GRAM_BYTES));
      const level = hashOf(gram & 0xffffff, LEVEL_BITS);
      if (bytes.length < GRAM_BYTES) {
        this.#levels[level] = (this.#levels[level] as number) | SHORT;
        addTo(short, gram, { literal, offset });
      } else {
        const hash = hashOf(gram, TABLE_BITS);
        this.#levels[level] = (this.#levels[level] as number) | LONG;
        this.#bits[hash >>> 5] = (this.#bits[hash >>> 5] as number) | (1 << (hash & 31));
        addTo(long, gram, { literal, offset });
      }
    }
    [this.#long, this.#short] = [this.#sorted(long), this.#sorted(short)];
  }

  /**
   * Calls `met` with the index of each literal that stands in a part of `text`, and where, for each place
   * where it does. Of those in their own case that begin at one place it may be the longest only. Places come
   * about in order: none is more than `MOST_OFFSET` bytes before the one before.
   */
  search(text: Buffer, from: number, to: number, met: OnMet): void {
    const [levels, bits] = [this.#levels, this.#bits];
    this.#searches += 1;
    if (this.#literals.length === 0 || to - from < SHORTEST_LITERAL) return;
    let gram = gramAt(text, from, 2);
    for (let at = from + 2; at < to; at += 1) {
      gram = (gram << 8) | (FOLDED[text[at] as number] as number);
      const level = levels[hashOf(gram & 0xffffff, LEVEL_BITS)] as number;
      if (level === 0) continue;
      if ((level & LONG) !== 0) {
        const hash = hashOf(gram, TABLE_BITS);
        const isOne = (((bits[hash >>> 5] as number) >>> (hash & 31)) & 1) !== 0;
        if (isOne) this.#meet(this.#long.get(gram), text, at - 3, from, to, met);
      }
      if ((level & SHORT) !== 0) this.#meet(this.#short.get(gram & 0xffffff), text, at - 2, from, to, met);
    }
  }

  /** Which of the literals that have a gram stand in `text`, where it is at `at`. */
  #meet(starts: Met | undefined, text: Buffer, at: number, from: number, to: number, met: OnMet): void {
    if (starts === undefined) return;
    for (const { literal, offset } of starts.inAnyCase) {
      const { bytes } = this.#literals[literal] as Literal;
      const start = at - offset;
      if (start >= from && start + bytes.length <= to && standsFolded(bytes, text, start)) met(literal, start);
    }
    for (const sorted of starts.sorted) {
      const start = at - sorted.offset;
      const longest = start < from ? null : sorted.longestAt(text, start, to, this.#searches);
      if (longest !== null) met(longest, start);
    }
  }

  #sorted(grams: ReadonlyMap<number, readonly Start[]>): ReadonlyMap<number, Met> {
    const sorted = new Map<number, Met>();
    for (const [gram, starts] of grams) {
      const inAnyCase: Start[] = [];
      const byOffset = new Map<number, number[]>();
      for (const start of starts) {
        if (this.#literals[start.literal]?.isAnyCase) inAnyCase.push(start);
        else addTo(byOffset, start.offset, start.literal);
      }
      const bytesOf = (literal: number) => (this.#literals[literal] as Literal).bytes;
      const groups = Array.from(byOffset, ([offset, all]) => new SortedLiterals(offset, all, bytesOf));
      sorted.set(gram, { inAnyCase, sorted: groups });
    }
    return sorted;
  }
}

const hashOf = (gram: number, bits: number) => Math.imul(gram, 0x9e3779b1) >>> (32 - bits);

function gramAt(bytes: Buffer, offset: number, length: number): number {
  let gram = 0;
  for (let at = offset; at < offset + length; at += 1) gram = (gram << 8) | (FOLDED[bytes[at] as number] as number);
  return gram;
}

function addTo<T>(lists: Map<number, T[]>, key: number, value: T): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}

/** Where the gram is that is the rarest in text, as far as one can tell. */
function rarestGram(bytes: Buffer): number {
  let rarest = 0;
  let least = GRAM_BYTES;
  for (let offset = 0; offset <= bytes.length - GRAM_BYTES && offset <= MOST_OFFSET; offset += 1) {
    const same = sameKind(bytes, offset);
    if (same < least) [rarest, least] = [offset, same];
  }
  return rarest;
}

/** How many bytes of a gram are of the kind of the one before: letters beside digits are rare. */
function sameKind(bytes: Buffer, offset: number): number {
  let same = 0;
  for (let at = offset + 1; at < offset + GRAM_BYTES; at += 1) {
    if (kindOf(bytes[at] as number) === kindOf(bytes[at - 1] as number)) same += 1;
  }
  return same;
}

function kindOf(byte: number): number {
  const folded = FOLDED[byte] as number;
  if (folded >= 0x61 && folded <= 0x7a) return 0;
  return byte >= 0x30 && byte <= 0x39 ? 1 : 2;
}

function standsFolded(bytes: Buffer, text: Buffer, start: number): boolean {
  for (let i = 0; i < bytes.length; i += 1) if (bytes[i] !== FOLDED[text[start + i] as number]) return false;
  return true;
}
