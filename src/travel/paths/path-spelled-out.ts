import { canBeginAt, canEndAt } from './path-boundary.ts';
import type { PathPair } from './path-pair.ts';
import { isWindowsPath } from './path-spellings.ts';

/** A path that was found in JSON, and what it begins with here. */
export interface Match {
  readonly start: number;
  readonly end: number;
  readonly to: string;
  /** How its first separator is written. */
  readonly separator: string;
  readonly backslashes: number;
}

const DIGIT_ONE = 0x31;
const ESCAPED_SLASH = Buffer.from('\\/');
const ESCAPED_BYTE = Buffer.from('\\u00');

/**
 * Finds where in JSON, or in JSON in JSON, a sign is escaped that need not be, as some programs do (`\/`,
 * `\u002f`).
 */
export class EscapedText {
  readonly #json: Buffer;
  #slash = -2;
  #byte = -2;

  constructor(json: Buffer) {
    this.#json = json;
  }

  /** The first at or behind `start`, which must not go back; -1 if there is none. */
  nextFrom(start: number): number {
    if (this.#slash !== -1 && this.#slash < start) this.#slash = this.#json.indexOf(ESCAPED_SLASH, start);
    if (this.#byte !== -1 && this.#byte < start) this.#byte = this.#byteFrom(start);
    if (this.#slash === -1 || this.#byte === -1) return Math.max(this.#slash, this.#byte);
    return Math.min(this.#slash, this.#byte);
  }

  /** Control characters must be escaped, so they say nothing. */
  #byteFrom(start: number): number {
    let at = this.#json.indexOf(ESCAPED_BYTE, start);
    while (at !== -1 && !isText(this.#json[at + 4])) at = this.#json.indexOf(ESCAPED_BYTE, at + 1);
    return at;
  }
}

/** From 0x20 on. */
const isText = (firstDigit: number | undefined) => firstDigit !== undefined && firstDigit > DIGIT_ONE;

/** Finds paths however their signs are escaped. Slow: for the few lines where any is. */
export class SpelledOut {
  readonly #pairs: readonly { readonly pattern: RegExp; readonly to: string }[];
  readonly #any: RegExp;

  constructor(pairs: readonly PathPair[]) {
    const patterns = pairs.map(({ from }) => patternOf(from));
    this.#any = new RegExp(patterns.length === 0 ? '(?!)' : patterns.map((each) => `(?:${each})`).join('|'), 'g');
    this.#pairs = pairs.map(({ to }, index) => ({ pattern: new RegExp(patterns[index] ?? '', 'y'), to }));
  }

  /** The paths between `start` and `end`, in order. */
  *matches(json: Buffer, start: number, end: number): Generator<Match> {
    const text = json.toString('latin1', start, end);
    this.#any.lastIndex = 0;
    for (let found = this.#any.exec(text); found !== null; found = this.#any.exec(text)) {
      const match = this.#matchAt(json, text, start, found.index);
      this.#any.lastIndex = match === null ? found.index + 1 : match.end - start;
      if (match !== null) yield match;
    }
  }

  #matchAt(json: Buffer, text: string, offset: number, at: number): Match | null {
    for (const { pattern, to } of this.#pairs) {
      pattern.lastIndex = at;
      const found = pattern.exec(text);
      if (found === null) continue;
      const [start, end] = [offset + at, offset + pattern.lastIndex];
      if (!canBeginAt(json, start) || !canEndAt(json, end)) continue;
      const separators = found[0].replace(DRIVE, '').match(SEPARATORS) ?? [];
      const separator = commonOf(separators);
      if (separator === null) continue;
      const backslashes = separator.length - separator.replaceAll('\\', '').length;
      return { start, end, to, separator: separator.endsWith('\\') ? '/' : separator, backslashes };
    }
    return null;
  }
}

const DRIVE = /^(?:[A-Za-z]|\\u00[0-9A-Fa-f]{2})(?::|\\u003[aA])/;
const SEPARATORS = /\\*\/|\\+u00(?:2[fF]|5[cC])|\\+(?!\\|u[0-9A-Fa-f]{4})/g;
/**
 * All of these are a slash to whoever parses the JSON; others are text of JSON in JSON, and must be alike.
 */
const SLASH = /^(?:\\?\/|\\u002[fF])$/;

function commonOf(separators: readonly string[]): string | null {
  const [first = '/'] = separators;
  const isCommon = SLASH.test(first) ? (each: string) => SLASH.test(each) : (each: string) => each === first;
  return separators.every(isCommon) ? first : null;
}

/** No more backslashes than JSON three deep has: without an end, a row of a million would take hours. */
const POSIX_SEPARATOR = '(?:\\\\{0,7}/|\\\\{1,7}u002[fF])';
const WINDOWS_SEPARATOR = '(?:\\\\{0,7}/|(?:\\\\{1,7}u005[cC]){1,2}|\\\\{1,8})';

/** A pattern for `path` in latin1 text: each sign plain or escaped. Backslashes before it belong to it. */
function patternOf(path: string): string {
  const isWindows = isWindowsPath(path);
  const signs = Array.from(path, (sign, index) => {
    if (sign === '/' || (isWindows && sign === '\\')) {
      return isWindows ? WINDOWS_SEPARATOR : POSIX_SEPARATOR;
    }
    const plain = isWindows && index === 0 ? `[${sign.toLowerCase()}${sign.toUpperCase()}]` : quoted(sign);
    return `(?:${plain}|${Array.from({ length: sign.length }, (_, unit) => hex(sign.charCodeAt(unit))).join('')})`;
  });
  return `(?<!\\\\)${signs.join('')}`;
}

/** The UTF-8 bytes of a sign, as latin1 text. */
const quoted = (sign: string) =>
  Array.from(Buffer.from(sign), (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');

function hex(unit: number): string {
  const digits = unit.toString(16).padStart(4, '0');
  return `(?<!\\\\)\\\\u${digits.replace(/[a-f]/g, (digit) => `[${digit}${digit.toUpperCase()}]`)}`;
}
