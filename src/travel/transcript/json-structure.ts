import { backslashesBefore } from '../paths/path-boundary.ts';

const [QUOTE, COMMA, COLON] = [0x22, 0x2c, 0x3a];
const [OPENING_BRACKET, CLOSING_BRACKET, OPENING_BRACE, CLOSING_BRACE] = [0x5b, 0x5d, 0x7b, 0x7d];

/** Where a value is in JSON. `start` is that of its key in an object. */
export interface Part {
  /** Its key in an object, its index in an array. */
  readonly name: string | number;
  readonly start: number;
  readonly valueStart: number;
  readonly end: number;
  /** Where the comma behind it ends; -1 if none follows. */
  readonly commaEnd: number;
}

/**
 * The members of the object, or the elements of the array, that begins at `at` in well-formed JSON. Keys are
 * decoded as latin1.
 */
export function partsOf(json: Buffer, at: number): Part[] {
  const isObject = json[at] === OPENING_BRACE;
  const parts: Part[] = [];
  let start = skipSpace(json, at + 1);
  while (json[start] !== CLOSING_BRACE && json[start] !== CLOSING_BRACKET) {
    const keyEnd = isObject ? endOfString(json, start) : start;
    const name = isObject ? (JSON.parse(json.toString('latin1', start, keyEnd)) as string) : parts.length;
    const valueStart = isObject ? skipSpace(json, skipSpace(json, keyEnd) + 1) : start;
    const end = endOfValue(json, valueStart);
    const next = skipSpace(json, end);
    const commaEnd = json[next] === COMMA ? next + 1 : -1;
    parts.push({ name, start, valueStart, end, commaEnd });
    start = commaEnd === -1 ? next : skipSpace(json, commaEnd);
  }
  return parts;
}

/** Whether an object or an array begins at `at`. */
export const hasParts = (json: Buffer, at: number) => json[at] === OPENING_BRACE || json[at] === OPENING_BRACKET;

/** The index of the first byte from `at` on that is no white space of JSON. */
export function skipSpace(json: Buffer, at: number): number {
  let next = at;
  while (json[next] === 0x20 || json[next] === 0x0a || json[next] === 0x0d || json[next] === 0x09) next += 1;
  return next;
}

/**
 * How many values and keys there are at least in `json`, well-formed or not, counted up to `most`: what it
 * takes to parse it, strings left out.
 */
export function countParts(json: Buffer, most: number): number {
  let count = 0;
  for (let at = 0; at < json.length && count < most; at += 1) {
    const byte = json[at];
    if (byte === QUOTE) at = endOfString(json, at) - 1;
    else if (byte === COMMA || byte === COLON || byte === OPENING_BRACE || byte === OPENING_BRACKET) count += 1;
  }
  return count;
}

function endOfValue(json: Buffer, at: number): number {
  if (json[at] === QUOTE) return endOfString(json, at);
  let depth = 0;
  for (let end = at; end < json.length; end += 1) {
    const byte = json[end];
    if (byte === QUOTE) end = endOfString(json, end) - 1;
    else if (byte === OPENING_BRACE || byte === OPENING_BRACKET) depth += 1;
    else if (byte === CLOSING_BRACE || byte === CLOSING_BRACKET) {
      if (depth === 0) return end;
      depth -= 1;
      if (depth === 0) return end + 1;
    } else if (depth === 0 && (byte === COMMA || skipSpace(json, end) > end)) return end;
  }
  return json.length;
}

/** The index behind the string that opens at `at`; the end of all if it does not close. */
export function endOfString(json: Buffer, at: number): number {
  for (let end = json.indexOf(QUOTE, at + 1); end !== -1; end = json.indexOf(QUOTE, end + 1)) {
    if (backslashesBefore(json, end) % 2 === 0) return end + 1;
  }
  return json.length;
}
