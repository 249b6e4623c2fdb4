import { Buffer, isUtf8 } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { backslashesBefore } from '../paths/path-boundary.ts';
import { endOfString, skipSpace } from './json-structure.ts';

const [QUOTE, COLON, BACKSLASH] = [0x22, 0x3a, 0x5c];
/** In a shorter line nothing is worth it. */
const LONG_LINE_BYTES = 1024 * 1024;
const LONG_BYTES = 64 * 1024;
/** How much of a long string stays at least: more than is looked at of any text. */
const HEAD_BYTES = 32 * 1024;
/** Small enough for strings of them to be collected soon. */
const PIECE_BYTES = 32 * 1024;
/** The longest escape: `\u001b`. */
const ESCAPE_BYTES = 6;

/**
 * A line with its long strings shortened, so that parsing it takes no memory to speak of: a line of 16 MB is
 * one screenshot, or the output of one tool.
 */
export interface Shortened {
  readonly line: Buffer;
  /**
   * `text`, made from the line, in pieces: each long string that is still in it is one, and whole again. Null
   * if one was changed.
   */
  restore(text: Buffer): Buffer[] | null;
  /** Whether one of its long strings that `change` changed stands in a JSON made from the line. */
  holdsChanged(json: string): boolean;
}

/**
 * Shortens the long strings that are values in a line of JSON, well-formed or not. Null if there are none.
 * With `canonical`, they are whole again as `JSON.stringify` writes them; one that is no string stays. Each
 * is what `change` makes of its JSON.
 */
export function shortenStrings(
  line: Buffer,
  canonical: boolean,
  change: (string: Buffer) => Buffer = (string) => string,
): Shortened | null {
  if (line.length < LONG_LINE_BYTES) return null;
  // Nobody can know it beforehand, and so write it into a line.
  const mark = randomBytes(16).toString('hex');
  const strings: { readonly whole: Buffer; readonly short: Buffer }[] = [];
  const changed: string[] = [];
  const parts: Buffer[] = [];
  let kept = 0;
  for (let start = line.indexOf(QUOTE); start !== -1; ) {
    const end = endOfString(line, start);
    const read = line.subarray(start, end);
    const isLong = read.length > LONG_BYTES && line[skipSpace(line, end)] !== COLON;
    const written = isLong && canonical ? canonicalString(read) : read;
    if (isLong && written !== null) {
      const whole = change(written);
      const tail = `${mark}-${strings.length}"`;
      if (whole !== written) changed.push(tail);
      const head = whole.subarray(0, cutBefore(whole, Math.min(HEAD_BYTES, whole.length - 1), 1));
      const short = Buffer.concat([head, Buffer.from(tail)]);
      parts.push(line.subarray(kept, start), short);
      strings.push({ whole, short });
      kept = end;
    }
    start = line.indexOf(QUOTE, end);
  }
  if (strings.length === 0) return null;
  parts.push(line.subarray(kept));
  return {
    line: Buffer.concat(parts),
    restore: (text) => restored(text, mark, strings),
    holdsChanged: (json) => changed.some((tail) => json.includes(tail)),
  };
}

function restored(
  text: Buffer,
  mark: string,
  strings: readonly { readonly whole: Buffer; readonly short: Buffer }[],
): Buffer[] | null {
  const parts: Buffer[] = [];
  let kept = 0;
  for (let at = text.indexOf(mark); at !== -1; at = text.indexOf(mark, kept)) {
    const number = /^-(\d+)"/.exec(text.toString('latin1', at + mark.length, at + mark.length + 12))?.[1];
    const string = strings[Number(number)];
    if (string === undefined) return null;
    const { whole, short } = string;
    const start = at - (short.length - mark.length - `-${number}"`.length);
    if (start < kept || !text.subarray(start, start + short.length).equals(short)) return null;
    parts.push(text.subarray(kept, start), whole);
    kept = start + short.length;
  }
  parts.push(text.subarray(kept));
  return parts;
}

/** A string as `JSON.stringify` writes it, piece by piece: itself if it is written so. Null if it is none. */
function canonicalString(string: Buffer): Buffer | null {
  const last = string.length - 1;
  if (last === 0 || string[last] !== QUOTE) return null;
  const isText = isUtf8(string);
  const pieces: Buffer[] = [];
  let isCanonical = true;
  for (let start = 1; start < last; ) {
    const cut = start + PIECE_BYTES < last ? cutBefore(string, start + PIECE_BYTES, start) : last;
    // Bytes that are no UTF-8 can be cut anywhere.
    const end = cut > start ? cut : start + PIECE_BYTES;
    const read = string.subarray(start, end);
    const piece = canonicalPiece(read, isText);
    if (piece === null) return null;
    isCanonical &&= piece === read;
    pieces.push(piece);
    start = end;
  }
  return isCanonical ? string : Buffer.concat([string.subarray(0, 1), ...pieces, string.subarray(last)]);
}

function canonicalPiece(piece: Buffer, isText: boolean): Buffer | null {
  try {
    const latin1 = `"${piece.toString('latin1')}"`;
    // As a screenshot is.
    if (isText && !/[\0-\x1f\\]/.test(latin1)) return piece;
    // Escapes of what is above ASCII are read in two ways, as latin1 and as UTF-8.
    if (isText && !/\\u(?!00[01])/.test(latin1) && JSON.stringify(JSON.parse(latin1)) === latin1) return piece;
    return Buffer.from(JSON.stringify(JSON.parse(`"${piece.toString('utf8')}"`))).subarray(1, -1);
  } catch {
    return null;
  }
}

/**
 * The last index up to `end` at which a string that can be cut at `start` can be cut: not inside an escape,
 * or a character.
 */
function cutBefore(string: Buffer, end: number, start: number): number {
  let at = end;
  while (at > start && ((string[at] ?? 0) & 0xc0) === 0x80) at -= 1;
  for (let before = at - 1; before >= Math.max(start, at - ESCAPE_BYTES); before -= 1) {
    if (string[before] === BACKSLASH) return before - (backslashesBefore(string, before, start) % 2);
  }
  return at;
}
