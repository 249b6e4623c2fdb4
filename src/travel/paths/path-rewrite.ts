import { posix, win32 } from 'node:path';
import type { SessionPlace } from '../../claude/session-layout.ts';
import { Failure } from '../../failure.ts';
import { backslashesAt, backslashesBefore, canBeginAt, canEndAt } from './path-boundary.ts';
import type { PathPair } from './path-pair.ts';
import { EscapedText, type Match, SpelledOut } from './path-spelled-out.ts';
import { escaped, isPosixPath, isWindowsPath, type Spelling, spellingsOf } from './path-spellings.ts';
import { convertTail } from './path-tail.ts';

const [NEWLINE, QUOTE, SLASH] = [0x0a, 0x22, 0x2f];
/** A text may become so many times longer, and some: a short path is a few bytes of a line, not all of it. */
const MOST_GROWTH = 4;
const FREE_GROWTH = 1024 * 1024;
const MOST_PIECES = 100_000;
/** Longer and deeper than projects lie. At each slash of a text, so many steps may rule one out. */
const LONGEST_FROM = 1024;
const DEEPEST_FROM = 64;

/** Where a session is at home: what its paths begin with. */
export interface SessionHome extends SessionPlace {
  readonly directory: string;
  readonly home: string;
  /** As `process.platform` says it. */
  readonly platform: string;
}

/** Replaces what paths begin with. */
export interface PathRewrite {
  /** How paths are written there, and here. */
  readonly fromWindows: boolean;
  readonly toWindows: boolean;
  /**
   * In `json`, whole lines of well-formed JSON or pieces of them that were not cut inside of a string: in its
   * strings, nothing else. Returns `json` itself if there is nothing to change.
   *
   * Throws `refused` if it would become many times longer.
   */
  inJson(json: Buffer): Buffer;
  /** The same in pieces, of which those that stay are parts of `json`: a large one is not copied. */
  inJsonApart(json: Buffer): readonly Buffer[];
  /** In a path that stands alone; as it is if no pair fits. */
  inPath(path: string): string;
}

/**
 * Rewrites paths in JSON, on its bytes: what is not a path that begins with `from` stays as it is, to the
 * last digit. The longest `from` comes first; it must end where a name ends. Between Windows and the rest,
 * the separators behind it follow.
 *
 * Pairs whose `from` is not an absolute path below a root are left out.
 */
export function pathRewrite(options: {
  readonly pairs: readonly PathPair[];
  readonly fromPlatform: string;
  readonly toPlatform: string;
}): PathRewrite {
  const isWindows = (platform: string) => platform === 'win32';
  return new Rewrite(options.pairs, isWindows(options.fromPlatform), isWindows(options.toPlatform));
}

/**
 * What is rewritten when a session moves: what the user says (`more`), its folder, the project's folder of
 * Claude Code, its directory, Claude Code's folder, the home directory.
 */
export function pairsOfMove(from: SessionHome, to: SessionHome, more: readonly PathPair[] = []): PathPair[] {
  const pathsOf = (place: SessionHome) => {
    const { join } = place.platform === 'win32' ? win32 : posix;
    const project = join(place.claudeFolder, 'projects', place.projectFolder);
    const folders = [
      [project, place.sessionId],
      [place.claudeFolder, 'file-history', place.sessionId],
      [place.claudeFolder, 'tasks', place.sessionId],
    ].map((parts) => join(...(parts as [string, string])));
    return [...folders, project, place.directory, place.claudeFolder, place.home];
  };
  const here = pathsOf(to);
  const moved = pathsOf(from).map((path, index) => ({ from: path, to: here[index] ?? '' }));
  return [...more, ...moved, ...moved.flatMap((pair) => linkedOnMac(pair, from.platform))];
}

/** On macOS, `/tmp`, `/var` and `/etc` are links: records have the real path, people write the other. */
function linkedOnMac({ from, to }: PathPair, platform: string): PathPair[] {
  const linked = platform === 'darwin' ? /^\/private(\/(?:tmp|var|etc)\/.+)/.exec(from)?.[1] : undefined;
  return linked === undefined ? [] : [{ from: linked, to }];
}

/** A spelling that is looked for, and the pair that it belongs to. */
interface Form extends Spelling {
  readonly to: string;
  /** `to` where nothing but the beginning of the path changes: between systems that write paths alike. */
  readonly written: Buffer | null;
}

/** Forms that begin with the same bytes: they are searched for at once. */
interface Search {
  readonly bytes: Buffer;
  /** The longest first. */
  readonly forms: Form[];
}

class Rewrite implements PathRewrite {
  readonly fromWindows: boolean;
  readonly toWindows: boolean;
  readonly #searches: Search[] = [];
  readonly #spelledOut: SpelledOut;
  readonly #written = new Map<string, Buffer>();

  constructor(pairs: readonly PathPair[], fromWindows: boolean, toWindows: boolean) {
    this.fromWindows = fromWindows;
    this.toWindows = toWindows;
    const usable = usablePairs(pairs, fromWindows);
    this.#spelledOut = new SpelledOut(usable);
    const forms = usable.flatMap(({ from, to }) =>
      spellingsOf(from).map((spelling): Form => {
        const written = fromWindows || toWindows ? null : this.#textOf(to, '/');
        return { ...spelling, to, written };
      }),
    );
    for (const form of forms.toSorted((a, b) => a.bytes.length - b.bytes.length)) {
      const search = this.#searches.find(({ bytes }) => form.bytes.subarray(0, bytes.length).equals(bytes));
      if (search === undefined) this.#searches.push({ bytes: form.bytes, forms: [form] });
      else search.forms.unshift(form);
    }
  }

  inPath(path: string): string {
    const json = Buffer.from(JSON.stringify({ path }));
    const rewritten = this.inJson(json);
    return rewritten === json ? path : (JSON.parse(rewritten.toString()) as { path: string }).path;
  }

  inJson(json: Buffer): Buffer {
    const pieces = this.inJsonApart(json);
    return pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
  }

  inJsonApart(json: Buffer): readonly Buffer[] {
    if (this.#searches.length === 0) return [json];
    const pieces = new Pieces(json);
    const escapedText = new EscapedText(json);
    let start = 0;
    for (let at = escapedText.nextFrom(0); at !== -1; at = escapedText.nextFrom(start)) {
      const lineStart = json.lastIndexOf(NEWLINE, at) + 1;
      const lineEnd = json.indexOf(NEWLINE, at);
      this.#rewrite(json, start, lineStart, pieces);
      start = lineEnd === -1 ? json.length : lineEnd;
      this.#rewriteSpelledOut(json, lineStart, start, pieces);
    }
    this.#rewrite(json, start, json.length, pieces);
    return pieces.all();
  }

  /** Rewrites what begins between `start` and `end`, and is written as programs write JSON. */
  #rewrite(json: Buffer, start: number, end: number, pieces: Pieces): void {
    const next = this.#searches.map(({ bytes }) => indexIn(json, bytes, start, end));
    for (;;) {
      let first = 0;
      for (let index = 1; index < next.length; index += 1) {
        if ((next[index] as number) < (next[first] as number)) first = index;
      }
      const at = next[first] as number;
      if (at === Number.POSITIVE_INFINITY) return;
      const form = formAt(json, (this.#searches[first] as Search).forms, at);
      const resume = form === null ? at + 1 : this.#replace(json, form, at, pieces);
      for (let index = 0; index < next.length; index += 1) {
        if ((next[index] as number) >= resume) continue;
        next[index] = indexIn(json, (this.#searches[index] as Search).bytes, resume, end);
      }
    }
  }

  /** Replaces the path with the beginning `form`, whose bytes are at `at`. Returns where it ends. */
  #replace(json: Buffer, form: Form, at: number, pieces: Pieces): number {
    const end = at + form.bytes.length;
    const to = this.#toBefore(json, end, form);
    if (form.written !== null) {
      pieces.put(at, to === form.to ? form.written : this.#textOf(to, '/'), end);
      return end;
    }
    const start = form.drive === null ? at : at - 1;
    const isUrl = json[start - 1] === SLASH;
    const separator = this.#separator(json, start, form, isUrl);
    const written = this.#textOf(to, separator);
    // `file:///C:/a` has a slash before the path, `file:///home/a` has it in the path.
    const drop = isUrl && form.drive !== null && !this.toWindows ? 1 : 0;
    const add = isUrl && !this.fromWindows && this.toWindows ? '/' : '';
    return this.#put(json, pieces, { start, end, backslashes: form.backslashes }, [add, written, drop], separator);
  }

  /** What is written for a path: a root without its separator, where one follows at `end`. */
  #toBefore(json: Buffer, end: number, { to, backslashes }: Pick<Match, 'to' | 'backslashes'>): string {
    if (!isRoot(to)) return to;
    const count = backslashesAt(json, end);
    const isFollowed = json[end + count] === SLASH || (this.fromWindows && count > 0 && count === backslashes);
    return isFollowed ? to.slice(0, -1) : to;
  }

  #rewriteSpelledOut(json: Buffer, start: number, end: number, pieces: Pieces): void {
    for (const match of this.#spelledOut.matches(json, start, end)) {
      if (match.start < pieces.end) continue;
      const separator = this.toWindows ? '\\\\' : match.separator;
      this.#put(
        json,
        pieces,
        match,
        ['', this.#textOf(this.#toBefore(json, match.end, match), separator), 0],
        separator,
      );
    }
  }

  #put(
    json: Buffer,
    pieces: Pieces,
    match: Pick<Match, 'start' | 'end' | 'backslashes'>,
    [add, written, drop]: readonly [string, Buffer, number],
    separator: string,
  ): number {
    const { start, end, backslashes } = match;
    pieces.put(start, add === '' ? written.subarray(drop) : Buffer.concat([Buffer.from(add), written]), end);
    if (this.fromWindows === this.toWindows) return end;
    const inWindows = backslashes === 0 ? 2 : backslashes;
    const tail = convertTail(json, start, end, this.fromWindows ? inWindows : 0, separator);
    if (tail.end > end) pieces.put(end, tail.text, tail.end);
    return tail.end;
  }

  /** What stands between the names of a path that is to be written at `start`. */
  #separator(json: Buffer, start: number, form: Form, isUrl: boolean): string {
    if (!this.toWindows || isUrl) return '/';
    if (this.fromWindows) return form.backslashes === 0 ? '/' : '\\'.repeat(form.backslashes);
    // A quotation mark of JSON in JSON has a backslash before it, one of JSON in that has 3.
    const before = json[start - 1] === QUOTE ? backslashesBefore(json, start - 1) : 0;
    return '\\'.repeat(before === 1 ? 4 : before === 3 ? 8 : 2);
  }

  #textOf(path: string, separator: string): Buffer {
    const key = `${separator} ${path}`;
    let text = this.#written.get(key);
    if (text === undefined) {
      const depth = /^\\+$/.test(separator) ? Math.log2(separator.length) : 1;
      const names = path.split(this.toWindows ? /[\\/]/ : '/').map((name) => escaped(name, depth));
      text = Buffer.from(names.join(separator));
      this.#written.set(key, text);
    }
    return text;
  }
}

/** What a text is put together from: pieces of itself, and what replaces others. */
class Pieces {
  /** Where the last replaced piece ends. */
  end = 0;
  readonly #whole: Buffer;
  #pieces: Buffer[] = [];
  /** The length of all pieces, in bytes. */
  #length = 0;

  constructor(whole: Buffer) {
    this.#whole = whole;
  }

  put(start: number, text: Buffer, end: number): void {
    if (start > this.end) this.#add(this.#whole.subarray(this.end, start));
    this.#add(text);
    this.end = end;
  }

  all(): readonly Buffer[] {
    if (this.#pieces.length === 0) return [this.#whole];
    if (this.end < this.#whole.length) this.#add(this.#whole.subarray(this.end));
    return this.#pieces;
  }

  #add(piece: Buffer): void {
    // A piece takes a hundred bytes of memory, however short it is.
    if (this.#pieces.length >= MOST_PIECES) this.#pieces = [Buffer.concat(this.#pieces, this.#length)];
    this.#pieces.push(piece);
    this.#length += piece.length;
    if (this.#length <= MOST_GROWTH * this.#whole.length + FREE_GROWTH) return;
    throw new Failure(
      'refused',
      'With the paths of this machine, the session would become many times larger.',
      'Give --into a directory with a short path, or leave out --map.',
    );
  }
}

/**
 * Those whose paths are absolute and below a root, without separators at their ends, and not so long that it
 * would take minutes to look for them. Of equals, the first.
 */
function usablePairs(pairs: readonly PathPair[], fromWindows: boolean): PathPair[] {
  const usable = new Map<string, PathPair>();
  for (const { from, to } of pairs) {
    if (from.length > LONGEST_FROM || from.split(/[\\/]/).length > DEEPEST_FROM) continue;
    const { normalize } = fromWindows ? win32 : posix;
    const trimmed = normalize(from).replace(fromWindows ? /[\\/]+$/ : /\/+$/, '');
    const isPath = fromWindows ? isWindowsPath : isPosixPath;
    if (isPath(trimmed) && !usable.has(trimmed)) usable.set(trimmed, { from: trimmed, to: withoutEnd(to) });
  }
  return [...usable.values()].toSorted((a, b) => b.from.length - a.from.length);
}

const isRoot = (path: string) => /^(?:[A-Za-z]:)?[\\/]$/.test(path);

const withoutEnd = (path: string) => path.replace(/(?<=[^\\/:])[\\/]+$/, '');

/** The first of `forms` whose bytes are at `at`, and are a path there. */
function formAt(json: Buffer, forms: readonly Form[], at: number): Form | null {
  for (const form of forms) {
    const end = at + form.bytes.length;
    if (!holdsAt(json, form.bytes, at) || !canEndAt(json, end)) continue;
    if (form.drive === null ? canBeginAt(json, at) : isDriveAt(json, form.drive, at - 1)) return form;
  }
  return null;
}

/** A loop: for so few bytes, a call of `compare` takes longer. */
function holdsAt(json: Buffer, bytes: Buffer, at: number): boolean {
  for (let index = 0; index < bytes.length; index += 1) {
    if (json[at + index] !== bytes[index]) return false;
  }
  return true;
}

function isDriveAt(json: Buffer, drive: string, at: number): boolean {
  const letter = String.fromCharCode(json[at] ?? 0);
  return letter.toLowerCase() === drive.toLowerCase() && canBeginAt(json, at);
}

function indexIn(json: Buffer, bytes: Buffer, start: number, end: number): number {
  if (start >= end) return Number.POSITIVE_INFINITY;
  const at = (end === json.length ? json : json.subarray(0, end)).indexOf(bytes, start);
  return at === -1 ? Number.POSITIVE_INFINITY : at;
}
