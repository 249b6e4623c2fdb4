/**
 * Text as one reads it, whatever it is wrapped in: JSON, JSON in JSON, the source of a program. Secrets are
 * looked for in flat text, and flattened themselves before: depth and kind of escaping never matter then.
 *
 * - `\n`, `\\n`, `\\\\n` (and r, t, b, f) become the one character; so do `\u0026`, `\\u0026` and `\x26`.
 * - Backslashes before a letter or a digit become one. Before anything else they vanish: `\"`, `\/` and `\$`
 *   are that character, and `\\\"` is a quote one level deeper.
 * - Sequences that colour a terminal vanish: `grep` colours what it found in the middle of a word.
 * - So do zeros, which stand beside each letter in UTF-16.
 *
 * It is never longer than its source, and flat itself.
 */
export interface FlatText {
  /** UTF-8, as far as the source was. */
  readonly bytes: Buffer;
  /** Where a place of `bytes` is in the source, in bytes. */
  sourceOffset(at: number): number;
  /** The same for the end of a range: before what vanished there. */
  sourceEnd(at: number): number;
}

const [NUL, BACKSPACE, TAB, NEWLINE, FORM_FEED, RETURN, ESCAPE, SPACE] = [0, 8, 9, 10, 12, 13, 0x1b, 0x20];
const [PARENTHESIS, BRACKET, BACKSLASH, SMALL_U, SMALL_X] = [0x28, 0x5b, 0x5c, 0x75, 0x78];
/** What a letter behind backslashes stands for, at its code; 0 for itself. */
const MEANT = new Uint8Array(256);
for (const [letter, code] of Object.entries({ b: BACKSPACE, t: TAB, n: NEWLINE, f: FORM_FEED, r: RETURN })) {
  MEANT[letter.charCodeAt(0)] = code;
}
/** No code, or no place. */
const NONE = -1;
const NO_DIGIT = 0xff;
/** The value of a hexadecimal digit, at its code. */
const DIGITS = new Uint8Array(256).fill(NO_DIGIT);
for (const [value, digit] of [...'0123456789abcdef'].entries()) {
  DIGITS[digit.charCodeAt(0)] = value;
  DIGITS[digit.toUpperCase().charCodeAt(0)] = value;
}
/** Letters and digits, at their codes. */
const IS_WORD = Uint8Array.from({ length: 256 }, (_, code) => (/[0-9A-Za-z]/.test(String.fromCharCode(code)) ? 1 : 0));
/** What is not copied as it is. */
const IS_SPECIAL = new Uint8Array(256);
for (const code of [BACKSLASH, ESCAPE, NEWLINE, NUL]) IS_SPECIAL[code] = 1;
const NOT_QUICK = 0;
/** What backslashes and a character behind them become, at its code, where that is all there is to it. */
const QUICK = Uint8Array.from({ length: 256 }, (_, code) => {
  if (MEANT[code] !== 0) return MEANT[code] as number;
  if (code === SMALL_U || code === SMALL_X || IS_SPECIAL[code] === 1) return NOT_QUICK;
  return IS_WORD[code] === 1 ? BACKSLASH : code;
});
/** A longer sequence for a terminal is none. */
const LONGEST_SEQUENCE = 32;
/** Backslashes in a row that are written as codes of each other. Nobody nests JSON deeper, and so. */
const MOST_CODES = 8;
/** The most that `Flattening.add` leaves of its source. */
export const MOST_LEFT_BYTES = 64;

/** Flattens what is in memory as a whole. */
export function flatten(source: Buffer): FlatText {
  const places = new Places();
  const flattening = new Flattening(Buffer.allocUnsafe(source.length), places);
  flattening.add(source, true);
  return {
    bytes: flattening.bytes,
    sourceOffset: (at) => places.sourceOffset(at),
    sourceEnd: (at) => places.sourceEnd(at),
  };
}

/** Flattens a source that comes in pieces. */
export class Flattening {
  readonly #room: Buffer;
  readonly #places: Places | null;
  #length = 0;
  /** Where newlines are in the flat text that were no escapes: ends of the source's lines. */
  #lineEnds: number[] = [];
  #droppedLines = 0;
  /** Half of a pair that was written as U+FFFD, and where that ends: the other half may follow. */
  #surrogate = 0;
  #surrogateEnd = -1;
  /** Where in its source `#special` ended. */
  #at = 0;

  /** The flat text is written to `room`. `places` are right if all of the source is added at once. */
  constructor(room: Buffer, places: Places | null = null) {
    this.#room = room;
    this.#places = places;
  }

  /** What was added and not dropped; only until more is. */
  get bytes(): Buffer {
    return this.#room.subarray(0, this.#length);
  }

  get length(): number {
    return this.#length;
  }

  /**
   * Adds to the flat text, for which there must be as much room as `source` is long. Returns how much of it
   * was taken: at the end all, else all but at most `MOST_LEFT_BYTES`, to be added again with what follows.
   */
  add(source: Buffer, isEnd: boolean): number {
    const room = this.#room;
    const places = this.#places;
    const end = source.length;
    let to = this.#length;
    let at = 0;
    while (at < end) {
      const byte = source[at] as number;
      if (IS_SPECIAL[byte] === 0) {
        room[to] = byte;
        to += 1;
        at += 1;
        continue;
      }
      if (byte === BACKSLASH) {
        let next = at + 1;
        while (source[next] === BACKSLASH) next += 1;
        const code = next < end ? QUICK[source[next] as number] : NOT_QUICK;
        if (code !== NOT_QUICK) {
          room[to] = code as number;
          to += 1;
          at = code === BACKSLASH ? next : next + 1;
          places?.add(to, at);
          continue;
        }
      }
      this.#length = to;
      const isWhole = this.#special(source, at, isEnd);
      at = this.#at;
      to = this.#length;
      if (!isWhole) return at;
    }
    this.#length = to;
    return end;
  }

  /** How many lines of the source ended before a place of the flat text, those that were dropped too. */
  linesBefore(at: number): number {
    return this.#droppedLines + firstFrom(this.#lineEnds, at);
  }

  /** Drops the first bytes. */
  drop(count: number): void {
    this.#room.copyWithin(0, count, this.#length);
    this.#length -= count;
    this.#surrogateEnd -= count;
    const lines = firstFrom(this.#lineEnds, count);
    this.#droppedLines += lines;
    this.#lineEnds = this.#lineEnds.slice(lines).map((end) => end - count);
  }

  /** Makes it as new. */
  clear(): void {
    this.#length = 0;
    this.#lineEnds = [];
    this.#droppedLines = 0;
    this.#surrogateEnd = -1;
  }

  /**
   * Takes what is not copied as it is, up to `#at`. False if it can't be told what it is before more is
   * there: `#at` is then the last place from which on it reads the same.
   */
  #special(source: Buffer, at: number, isEnd: boolean): boolean {
    const end = source.length;
    this.#at = at;
    let next = at;
    let letter = 0;
    let digits = 0;
    let code = NONE;
    for (let codes = 0; ; codes += 1) {
      while (source[next] === BACKSLASH) {
        this.#at = next;
        next += 1;
        codes = 0;
      }
      letter = source[next] ?? 0;
      digits = letter === SMALL_U ? 4 : letter === SMALL_X ? 2 : 0;
      if (!isEnd && next + digits >= end) return false;
      code = digits === 0 ? NONE : hexadecimal(source, next + 1, digits);
      // A backslash that was escaped by its code is one more.
      if (code !== BACKSLASH) break;
      if (codes === MOST_CODES) {
        code = NONE;
        break;
      }
      next += 1 + digits;
    }
    let isAsItIs = false;
    if (code !== NONE) next += 1 + digits;
    else if (next >= end || IS_WORD[letter] === 1) {
      code = MEANT[letter] || BACKSLASH;
      next += code === BACKSLASH ? 0 : 1;
    } else {
      code = letter;
      isAsItIs = true;
      next += 1;
    }
    if (code === ESCAPE) {
      const last = endOfSequence(source, next);
      if (last === NONE && !isEnd) return false;
      // What begins none is a space: else it might begin one with what follows the next that vanishes.
      [code, next] = last > next ? [NUL, last] : [SPACE, next];
    }
    if (code === NUL) {
      while (source[next] === NUL) next += 1;
      this.#places?.addGap(this.#length, at, next);
    } else if (!isAsItIs) this.#write(code);
    else {
      if (code === NEWLINE) this.#lineEnds.push(this.#length);
      this.#room[this.#length] = code;
      this.#length += 1;
    }
    if (next - at > 1 && code !== NUL) this.#places?.add(this.#length, next);
    this.#at = next;
    return true;
  }

  #write(code: number): void {
    const room = this.#room;
    let to = this.#length;
    if (code < 0x80) {
      room[to++] = code;
    } else if (code < 0x800) {
      room[to++] = 0xc0 | (code >> 6);
      room[to++] = 0x80 | (code & 0x3f);
    } else if (code >= 0xdc00 && code < 0xe000 && this.#surrogateEnd === to) {
      const whole = 0x10000 + ((this.#surrogate & 0x3ff) << 10) + (code & 0x3ff);
      to -= 3;
      room[to++] = 0xf0 | (whole >> 18);
      room[to++] = 0x80 | ((whole >> 12) & 0x3f);
      room[to++] = 0x80 | ((whole >> 6) & 0x3f);
      room[to++] = 0x80 | (whole & 0x3f);
    } else {
      const isSurrogate = code >= 0xd800 && code < 0xe000;
      const written = isSurrogate ? 0xfffd : code;
      room[to++] = 0xe0 | (written >> 12);
      room[to++] = 0x80 | ((written >> 6) & 0x3f);
      room[to++] = 0x80 | (written & 0x3f);
      this.#surrogate = code;
      this.#surrogateEnd = isSurrogate && code < 0xdc00 ? to : -1;
    }
    this.#length = to;
  }
}

/** Pairs of a place of a flat text and that of its source, each behind what is not as it was. */
class Places {
  #pairs = new Uint32Array(64);
  #count = 0;

  add(flat: number, source: number): void {
    if (this.#count * 2 === this.#pairs.length) {
      const more = new Uint32Array(this.#pairs.length * 2);
      more.set(this.#pairs);
      this.#pairs = more;
    }
    this.#pairs[this.#count * 2] = flat;
    this.#pairs[this.#count * 2 + 1] = source;
    this.#count += 1;
  }

  /** That what stands between two places of the source is not in the flat text. */
  addGap(flat: number, from: number, to: number): void {
    // Of gaps beside each other it is known where the first one begins, and where the last one ends.
    if (this.#flat(this.#count - 1) !== flat) this.add(flat, from);
    else if (this.#flat(this.#count - 2) === flat) this.#count -= 1;
    this.add(flat, to);
  }

  sourceOffset(at: number): number {
    const pair = this.#pairsBelow(at + 1) - 1;
    return pair < 0 ? at : this.#source(pair) + at - this.#flat(pair);
  }

  sourceEnd(at: number): number {
    const pair = this.#pairsBelow(at);
    return pair < this.#count && this.#flat(pair) === at ? this.#source(pair) : this.sourceOffset(at);
  }

  /** How many pairs there are whose place of the flat text is less than `limit`. */
  #pairsBelow(limit: number): number {
    let [low, high] = [0, this.#count];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#flat(middle) < limit) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #flat(pair: number): number {
    return this.#pairs[pair * 2] ?? -1;
  }

  #source(pair: number): number {
    return this.#pairs[pair * 2 + 1] ?? 0;
  }
}

/** `NONE` if not all are digits. */
function hexadecimal(source: Buffer, from: number, digits: number): number {
  if (from + digits > source.length) return NONE;
  let value = 0;
  for (let at = from; at < from + digits; at += 1) {
    const digit = DIGITS[source[at] as number] as number;
    if (digit === NO_DIGIT) return NONE;
    value = value * 16 + digit;
  }
  return value;
}

/** Where a colour ends whose escape is before `from`: there if it is none, `NONE` if more must be seen. */
function endOfSequence(source: Buffer, from: number): number {
  const first = source[from];
  if (first !== undefined && first !== BRACKET && first !== PARENTHESIS) return from;
  let at = from + 1;
  // `tput sgr0` ends colours, and chooses letters too: `(B`.
  while (first === BRACKET && at < from + LONGEST_SEQUENCE && isParameter(source[at] ?? 0)) at += 1;
  if (at >= source.length) return NONE;
  return IS_WORD[source[at] as number] === 1 ? at + 1 : from;
}

/** Digits, `:` and `;`, as they stand in colours. */
const isParameter = (code: number) => code >= 0x30 && code <= 0x3b;

/** How many of these numbers, which rise, are less than `limit`. */
function firstFrom(numbers: readonly number[], limit: number): number {
  let [low, high] = [0, numbers.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((numbers[middle] as number) < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
