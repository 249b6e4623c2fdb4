import { backslashesAt, backslashesBefore } from './path-boundary.ts';

const [QUOTE, SLASH, COLON, BACKSLASH] = [0x22, 0x2f, 0x3a, 0x5c];
/** What no path goes on behind where its end is not known: white space, and signs that Windows forbids. */
const ENDS = new Set(Buffer.from(' "*?<>|:;,`\''));
/** A name may begin with a bracket, as routes of web servers do: `app/(shop)/[id]`. */
const [OPENING, CLOSING] = ['([{', ')]}'].map((signs) => new Set(Buffer.from(signs))) as [Set<number>, Set<number>];
/** The same where a whole string is one path: a path may hold spaces and the like. */
const ENDS_OF_WHOLE = new Set(Buffer.from('"*?<>|'));
/** A command or a text, not a path: an option, another path, another command or a line number follows. */
const COMMAND = / [-/]|[&;|:]/;
const LONGEST_KEY = 40;
const PATH_KEY = /(?:cwd|path|dir|directory|folder|file|filename)$/i;

/** What follows a rewritten beginning of a path, with other separators. */
export interface Tail {
  readonly text: Buffer;
  /** Where it ends. */
  readonly end: number;
}

/**
 * The tail of the path from `at` on, with `separator` between its names. `written` says how many backslashes
 * a separator is there, if it is not a slash: 2 in JSON, 4 in JSON in JSON. `start` is where the path began:
 * if a string does too, all of it may be the path, spaces included.
 */
export function convertTail(json: Buffer, start: number, at: number, written: number, separator: string): Tail {
  const ends = isWholePath(json, start, at) ? ENDS_OF_WHOLE : ENDS;
  const parts: string[] = [];
  let end = at;
  let copied = at;
  let brackets = 0;
  for (;;) {
    const byte = json[end];
    if (byte === undefined || byte < 0x20 || ends.has(byte)) break;
    if (OPENING.has(byte)) brackets += 1;
    else if (CLOSING.has(byte)) brackets -= 1;
    if (brackets < 0) break;
    const length = byte === SLASH ? 1 : byte === BACKSLASH ? backslashesAt(json, end) : 0;
    if (byte === BACKSLASH && length !== written) break;
    if (length > 0) parts.push(json.toString('latin1', copied, end), separator);
    end += Math.max(1, length);
    if (length > 0) copied = end;
  }
  parts.push(json.toString('latin1', copied, end));
  return { text: Buffer.from(parts.join(''), 'latin1'), end };
}

/**
 * Whether the string that begins at `start` is one path: by its key, or because nothing speaks against it.
 */
function isWholePath(json: Buffer, start: number, at: number): boolean {
  if (json[start - 1] !== QUOTE || backslashesBefore(json, start - 1) > 0) return false;
  if (json[start - 2] === COLON && json[start - 3] === QUOTE) {
    const before = json.toString('latin1', Math.max(0, start - 3 - LONGEST_KEY), start - 3);
    if (PATH_KEY.test(before)) return true;
  }
  const end = json.indexOf(QUOTE, at);
  return end !== -1 && end - at < 4096 && !COMMAND.test(json.toString('latin1', at, end));
}
