import { type FoundSecret, LONGEST_SECRET, type SecretRule } from './secret-rule.ts';

const KIND = 'private key';
const BEGIN = /-----BEGIN ?(?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----/g;
const END = /-----END ?(?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----/g;
const END_HERE = new RegExp(END, 'y');
/**
 * What stands before a line of a key where a program shows it: white space, the line's number as grep,
 * `cat -n` and Claude Code write it (whose arrow is three bytes here), the mark of a diff, a quote or a
 * comment.
 */
const MARGIN =
  /[ \t]*(?:\d{1,6}[ \t]*(?:\xe2\x86\x92|[\t:|-])[ \t]*)?(?:[-+>|#*;][ \t]+|[-+>|#*;](?=[\w+/]|-----)|\/\/[ \t]+)?[ \t]*/y;
/** What grep sets before the first line of a key: its file, with the line's number or without. */
const FILE = /(?:^|["\n])(?<file>[^\s":][^\n":]{0,300}?)[:-](?:\d{1,6}[:-])?[ \t]*$/;
/** How far before it that is looked for, in bytes. */
const LONGEST_FILE = 320;
/** A line of a key that is no base64: a header (`DEK-Info: …`), a checksum, nothing. */
const OTHER_LINE = /(?:(?:Proc-Type|DEK-Info|Version|Comment|Charset|Hash): [^"\n]{1,100}|=[\w+/]{4})?[ \t\r]*\n/y;
const BASE64 = /[A-Za-z0-9+/]+={0,2}/y;
const SPACES = /[ \t\r]*\n?/y;
/** A line of a key as a program's text has it, in quotes, or a patch in JSON: with its mark. */
const QUOTED_LINE = /[ \t]*["'`+.,;()[\] \t\r\n-]{1,40}([A-Za-z0-9+/]{32,}={0,2})(?=[\s"'`])/y;
/** How long a line of base64 is at least, in characters, where it is not the last one of a key. */
const WHOLE_LINE = 40;

/** What `pattern`, which is sticky, matches at `at`. */
function matchedAt(pattern: RegExp, text: string, at: number): string | null {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? null;
}

/** How long the margin of the line at `at` is, in characters. `file`: what grep may have set before it. */
function marginAt(text: string, at: number, file: string): number {
  const from =
    file !== '' && text.startsWith(file, at) && /[:-]/.test(text[at + file.length] ?? '') ? file.length + 1 : 0;
  return from + (matchedAt(MARGIN, text, at + from)?.length ?? 0);
}

/** True for base64 that is no word of prose. */
const isNoWord = (text: string): boolean => text.length >= WHOLE_LINE || /[0-9+/=]/.test(text);

/**
 * Where the lines of a key end that begin at `from`, and how much base64 they hold, in characters: behind the
 * last line if it is there, else where something else begins. `file`: what stands before each line, if any.
 */
function linesFrom(text: string, from: number, file = ''): { end: number; length: number } {
  const limit = Math.min(text.length, from + LONGEST_SECRET - 200);
  const key = { end: from, length: 0 };
  for (let at = from; at < limit; ) {
    if (text[at - 1] === '\n') at += marginAt(text, at, file);
    const last = matchedAt(END_HERE, text, at);
    if (last !== null) return { ...key, end: at + last.length };
    const other = matchedAt(OTHER_LINE, text, at);
    if (other !== null) {
      at += other.length;
      continue;
    }
    const base64 = matchedAt(BASE64, text, at);
    if (base64 === null) break;
    const end = at + base64.length;
    at = end + (matchedAt(SPACES, text, end)?.length ?? 0);
    const beforeLast = matchedAt(END_HERE, text, at + marginAt(text, at, file)) !== null;
    if (!isNoWord(base64) && !beforeLast) break;
    key.end = end;
    key.length += base64.length;
    if (at === end && text[at] !== '-') break;
  }
  return key;
}

/** A key from its first line on, however it is shown, and wherever it is cut off. */
function* fromFirstLine(text: string): Iterable<FoundSecret> {
  for (const { index, 0: first } of text.matchAll(BEGIN)) {
    const body = index + first.length;
    const file = FILE.exec(text.slice(Math.max(0, index - LONGEST_FILE), index))?.groups?.['file'];
    const { end, length } = linesFrom(text, body + (matchedAt(SPACES, text, body)?.length ?? 0), file);
    // Less of a key is of no use to anybody.
    if (length >= WHOLE_LINE) yield { kind: KIND, start: index, end };
    else yield* quotedLines(text, body);
  }
}

/** A key that a program's text puts together from lines in quotes: each line is a secret of its own. */
function* quotedLines(text: string, from: number): Iterable<FoundSecret> {
  for (let at = from; at < from + LONGEST_SECRET; ) {
    QUOTED_LINE.lastIndex = at;
    const [line, base64] = QUOTED_LINE.exec(text) ?? [];
    if (line === undefined || base64 === undefined) return;
    at += line.length;
    yield { kind: KIND, start: at - base64.length, end: at };
  }
}

/** What stands before the last line of a key whose first line is cut off. */
function* beforeLastLine(text: string): Iterable<FoundSecret> {
  for (const { index: last } of text.matchAll(END)) {
    const key = { start: last, end: last, lines: 0 };
    let lineEnd = text.lastIndexOf('\n', last);
    while (lineEnd > last - LONGEST_SECRET) {
      const lineStart = text.lastIndexOf('\n', lineEnd - 1) + 1;
      const start = lineStart + (matchedAt(MARGIN, text, lineStart)?.length ?? 0);
      const line = text.slice(start, Math.min(lineEnd, start + 200)).trimEnd();
      // Only the last line of base64 is short, and a checksum may stand below it.
      const isBase64 = /^[A-Za-z0-9+/]+={0,2}$/.test(line) && (line.length >= WHOLE_LINE || key.lines === 0);
      if (!isBase64 && !(key.lines === 0 && /^=[\w+/]{4}$/.test(line))) {
        // With its first lines it is found from there.
        if (/-----BEGIN|^$|: /.test(text.slice(lineStart, Math.min(lineEnd, lineStart + 200)).trim())) key.lines = 0;
        break;
      }
      if (key.start === last) key.end = start + line.length;
      key.start = start;
      if (isBase64) key.lines += 1;
      lineEnd = lineStart - 1;
    }
    if (key.lines >= 2) yield { kind: KIND, start: key.start, end: key.end };
  }
}

/** The private lines of a key of PuTTY. */
function* ofPutty(text: string): Iterable<FoundSecret> {
  for (const { index, 0: header } of text.matchAll(/Private-Lines: \d{1,4}[ \t\r]*\n/g)) {
    const start = index + header.length;
    const { end, length } = linesFrom(text, start);
    if (length >= WHOLE_LINE) yield { kind: KIND, start, end };
  }
}

export const PRIVATE_KEY_RULES: readonly SecretRule[] = [
  { anchors: ['private key-----', 'private key block-----'], find: fromFirstLine },
  { anchors: ['private key-----', 'private key block-----'], find: beforeLastLine },
  { anchors: ['private-lines: '], find: ofPutty },
];
