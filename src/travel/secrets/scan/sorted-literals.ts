/** Of so long ones it is known how far they were equal at the place before. */
const LONG_BYTES = 256;
/** So few are compared in a loop. */
const FEW_BYTES = 16;
/** There is none. */
const NONE = -1;

/** Some bytes that are looked for at a place. */
interface Sorted {
  readonly literal: number;
  readonly bytes: Buffer;
  /** The longest other one with which it begins, else `NONE`; and how many of these there are. */
  readonly beginning: number;
  readonly depth: number;
  /** One of these that is further away, so that a long row of them is passed in few steps. */
  readonly jump: number;
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

/** Literals with one gram at one place. Of a hundred thousand only some twenty are compared. */
export class SortedLiterals {
  /** Where the gram is in each. */
  readonly offset: number;
  readonly #sorted: readonly Sorted[];

  constructor(offset: number, literals: readonly number[], bytesOf: (literal: number) => Buffer) {
    this.offset = offset;
    const all = literals.map((literal) => ({ literal, bytes: bytesOf(literal) }));
    const sorted: Sorted[] = [];
    for (const { literal, bytes } of all.sort((a, b) => a.bytes.compare(b.bytes))) {
      let beginning = sorted.length - 1;
      const shared = beginning === NONE ? 0 : equalBytes((sorted[beginning] as Sorted).bytes, bytes, 0, 0);
      while (beginning !== NONE && (sorted[beginning] as Sorted).bytes.length > shared) {
        beginning = (sorted[beginning] as Sorted).beginning;
      }
      sorted.push({ literal, bytes, beginning, ...rowOf(sorted, beginning), last: null });
    }
    this.#sorted = sorted;
  }

  /** The longest that stands in `text` at `start` and ends before `to`. `search`: one number a text. */
  longestAt(text: Buffer, start: number, to: number, search: number): number | null {
    const sorted = this.#sorted;
    // The last one that is no greater than the text begins with all that stand there.
    let [low, high] = [NONE, sorted.length];
    let [lowMatched, highMatched] = [0, 0];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      const each = sorted[middle] as Sorted;
      const known = Math.min(lowMatched, highMatched);
      const all = matchedBytes(each, text, start, known, search);
      const matched = Math.min(all, to - start);
      const next = start + matched;
      const isGreater = matched < each.bytes.length && (next === to || (each.bytes[matched] ?? 0) > (text[next] ?? 0));
      if (isGreater) [high, highMatched] = [middle, matched];
      else [low, lowMatched] = [middle, matched];
    }
    while (low !== NONE) {
      const { literal, bytes, beginning, jump } = sorted[low] as Sorted;
      if (bytes.length <= lowMatched) return literal;
      const isFar = jump !== NONE && (sorted[jump] as Sorted).bytes.length > lowMatched;
      low = isFar ? jump : beginning;
    }
    return null;
  }
}

/** How many there are from `beginning` on, each the beginning of the one before, and how to pass them. */
function rowOf(sorted: readonly Sorted[], beginning: number): { depth: number; jump: number } {
  const first = sorted[beginning];
  if (first === undefined) return { depth: 0, jump: NONE };
  const second = sorted[first.jump];
  const depthOf = (each: Sorted | undefined) => each?.depth ?? NONE;
  const isSame = first.depth - depthOf(second) === depthOf(second) - depthOf(sorted[second?.jump ?? NONE]);
  return { depth: first.depth + 1, jump: second !== undefined && isSame ? second.jump : beginning };
}

function matchedBytes(each: Sorted, text: Buffer, start: number, known: number, search: number): number {
  return each.bytes.length < LONG_BYTES
    ? equalBytes(each.bytes, text, start, known)
    : compared(each, text, start, known, search);
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
function compared(each: Sorted, text: Buffer, start: number, known: number, search: number): number {
  const { bytes } = each;
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
