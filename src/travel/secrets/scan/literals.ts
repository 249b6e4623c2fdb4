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
/** Of so long ones it is known how far they were equal at the place before. */
const LONG_BYTES = 256;
/** So few are compared in a loop. */
const FEW_BYTES = 16;
const LEVEL_BITS = 16;
const TABLE_BITS = 18;
/** That a gram ends in three bytes of such a hash, or that they are a literal. */
const [LONG, SHORT] = [1, 2];
/** Bytes with letters in lower case. */
const FOLDED = Uint8Array.from({ length: 256 }, (_, code) => (code >= 0x41 && code <= 0x5a ? code + 0x20 : code));

/** Where a literal has the gram that it is found by. */
interface Start {
  readonly literal: number;
  readonly offset: number;
  /** How many bytes it shares with the literal before, or `NONE`; only of those in their own case. */
  shared: number;
  /** Of a long one, once it was compared: with what. */
  last: Compared | null;
}
/** That a literal was compared with a place of a text in a search, and how many bytes of it stood there. */
interface Compared {
  readonly search: number;
  readonly start: number;
  readonly matched: number;
  /** How many of its bytes stand in the literal itself, `shift` bytes from its start. */
  readonly own: number;
  readonly shift: number;
}
/** There is none before it that has the same gram at the same offset. */
const NONE = -1;
type Met = (literal: number, start: number) => void;

/**
 * Finds many literals in one pass, which takes about the same time for one and for thousands: by four bytes
 * of each (by all if it has three). At each place a table is asked whether the last three bytes are part of
 * any, and a larger one only if they are. Nobody can make it slow by literals that are nearly the same, or by
 * a text that is nearly theirs: these are sorted, and what they share is compared once.
 */
export class Literals {
  readonly #literals: readonly Literal[];
  readonly #levels = new Uint8Array(2 ** LEVEL_BITS);
  readonly #bits = new Uint32Array(2 ** (TABLE_BITS - 5));
  readonly #long = new Map<number, Start[]>();
  readonly #short = new Map<number, Start[]>();
  #searches = 0;

  constructor(literals: readonly Literal[]) {
    this.#literals = literals;
    for (const [literal, { bytes }] of literals.entries()) {
      if (bytes.length < SHORTEST_LITERAL) throw new RangeError('a literal is too short to be looked for');
      const offset = bytes.length < GRAM_BYTES ? 0 : rarestGram(bytes);
      const gram = gramAt(bytes, offset, Math.min(bytes.length, GRAM_BYTES));
      const level = hashOf(gram & 0xffffff, LEVEL_BITS);
      if (bytes.length < GRAM_BYTES) {
        this.#levels[level] = (this.#levels[level] as number) | SHORT;
        addTo(this.#short, gram, { literal, offset, shared: NONE, last: null });
      } else {
        const hash = hashOf(gram, TABLE_BITS);
        this.#levels[level] = (this.#levels[level] as number) | LONG;
        this.#bits[hash >>> 5] = (this.#bits[hash >>> 5] as number) | (1 << (hash & 31));
        addTo(this.#long, gram, { literal, offset, shared: NONE, last: null });
      }
    }
    for (const starts of [...this.#long.values(), ...this.#short.values()]) this.#sort(starts);
  }

  /**
   * Calls `met` with the index of each literal that stands in a part of `text`, and where, for each place
   * where it does. Of those in their own case that begin at one place it may be the longest only. Places come
   * about in order: none is more than `MOST_OFFSET` bytes before the one before.
   */
  search(text: Buffer, from: number, to: number, met: Met): void {
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
  #meet(starts: readonly Start[] | undefined, text: Buffer, at: number, from: number, to: number, met: Met): void {
    if (starts === undefined) return;
    let longest: Start | null = null;
    /** How many bytes of the literal before stand there, at least, and whether it is known to be no more. */
    let matched = 0;
    let isExact = true;
    for (const each of starts) {
      const { literal, offset, shared } = each;
      const { bytes, isAnyCase } = this.#literals[literal] as Literal;
      const start = at - offset;
      if (isAnyCase) {
        if (start >= from && start + bytes.length <= to && standsFolded(bytes, text, start)) met(literal, start);
        continue;
      }
      if (shared === NONE) {
        if (longest !== null) met(longest.literal, at - longest.offset);
        longest = null;
        matched = 0;
        isExact = start < from; // then none of them stands there
      } else if (shared < matched || (shared > matched && isExact)) {
        // It differs from the text where it differs from the one before, or where that one does.
        isExact = true;
        matched = Math.min(matched, shared);
        continue;
      }
      if (start < from) continue;
      isExact = start + bytes.length <= to;
      if (isExact) {
        const isLong = bytes.length >= LONG_BYTES;
        matched = isLong
          ? compared(this.#searches, each, bytes, text, start, matched)
          : equalBytes(bytes, text, start, matched);
      }
      if (isExact && matched === bytes.length) longest = each;
    }
    if (longest !== null) met(longest.literal, at - longest.offset);
  }

  /** Those in any case first, then by offset and by their bytes. */
  #sort(starts: Start[]): void {
    if (starts.length === 1) return;
    const literalOf = ({ literal }: Start) => this.#literals[literal] as Literal;
    starts.sort((a, b) => {
      const [first, second] = [literalOf(a), literalOf(b)];
      const byCase = Number(second.isAnyCase) - Number(first.isAnyCase);
      return byCase || a.offset - b.offset || first.bytes.compare(second.bytes);
    });
    for (const [i, start] of starts.entries()) {
      const before = starts[i - 1];
      if (before === undefined || before.offset !== start.offset || literalOf(before).isAnyCase) continue;
      start.shared = equalBytes(literalOf(before).bytes, literalOf(start).bytes, 0, 0);
    }
  }
}

const hashOf = (gram: number, bits: number) => Math.imul(gram, 0x9e3779b1) >>> (32 - bits);

function gramAt(bytes: Buffer, offset: number, length: number): number {
  let gram = 0;
  for (let at = offset; at < offset + length; at += 1) gram = (gram << 8) | (FOLDED[bytes[at] as number] as number);
  return gram;
}

function addTo(starts: Map<number, Start[]>, gram: number, start: Start): void {
  const same = starts.get(gram);
  if (same === undefined) starts.set(gram, [start]);
  else same.push(start);
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

/** How many bytes of a literal stand in `text` at `start`; the first `known` do. */
function equalBytes(bytes: Buffer, text: Buffer, start: number, known: number): number {
  const end = Math.min(bytes.length, text.length - start);
  let at = known;
  // Most differ soon. Node compares long ones a hundred times faster than a loop.
  for (let step = FEW_BYTES; at < end; ) {
    const next = Math.min(at + step, end);
    if (step === FEW_BYTES) {
      while (at < next && bytes[at] === text[start + at]) at += 1;
      if (at < next) return at;
      step *= 2;
    } else if (text.compare(bytes, at, next, start + at, start + next) === 0) {
      at = next;
      step *= 2;
    } else step = Math.max(FEW_BYTES, step >> 2);
  }
  return end;
}

/**
 * The same for a long one. What it was compared with before is known: one that repeats itself, in a text that
 * does so too, would be compared with all of that again and again.
 */
function compared(search: number, each: Start, bytes: Buffer, text: Buffer, start: number, known: number): number {
  const last = each.last?.search === search ? each.last : null;
  const shift = last === null ? 0 : start - last.start;
  const seen = last === null ? 0 : last.matched - shift;
  if (last === null || shift <= 0 || seen <= known) {
    const matched = equalBytes(bytes, text, start, known);
    each.last = { search, start, matched, own: last?.own ?? 0, shift: last?.shift ?? 0 };
    return matched;
  }
  const own = shift === last.shift ? last.own : equalBytes(bytes, bytes, shift, 0);
  const matched = own < seen ? own : equalBytes(bytes, text, start, seen);
  each.last = { search, start, matched, own, shift };
  return matched;
}

function standsFolded(bytes: Buffer, text: Buffer, start: number): boolean {
  for (let i = 0; i < bytes.length; i += 1) if (bytes[i] !== FOLDED[text[start + i] as number]) return false;
  return true;
}
