import { LEFT_OUT } from '../left-out.ts';
import { isCode } from './secret-paths.ts';

/**
 * Takes the lines out of what a tool printed that come from files which `isSecret` tells by their paths: of
 * `grep` and its like, where each line names its file, of diffs, and of `head` and its like, which name the
 * file above.
 */
export function withoutSecretLines(text: string, isSecret: (path: string) => boolean): string {
  const lines = new SecretLines(isSecret);
  return lines.without(text, 0, text.length);
}

/** As `withoutSecretLines`, of a file. `removed` is told if there are such lines in it. */
export async function* withoutSecretLinesOf(
  content: AsyncIterable<Buffer> | Iterable<Buffer>,
  isSecret: (path: string) => boolean,
  removed: () => void,
): AsyncGenerator<Buffer> {
  const lines = new SecretLines(isSecret);
  /** The line before those that are looked at, to which they may belong, and those. */
  let text = '';
  let from = 0;
  const take = (to: number) => {
    const kept = lines.without(text, from, to);
    if (kept.length !== to - from || kept !== text.slice(from, to)) removed();
    return Buffer.from(kept, 'latin1');
  };
  for await (const block of content) {
    text += block.toString('latin1');
    // What a line is may be told by the next one. One that has no end is no line of a tool like these.
    const last = text.lastIndexOf('\n', text.lastIndexOf('\n') - 1) + 1;
    const to = last > from ? last : text.length - from > LONGEST_LINE ? text.length : from;
    if (to === from) continue;
    yield take(to);
    const previous = text.lastIndexOf('\n', to - 2) + 1;
    const start = to - previous > LONGEST_LINE ? to : previous;
    text = text.slice(start);
    from = to - start;
  }
  if (text.length > from) yield take(text.length);
}

/** What the lines after a head belong to. */
type Section = 'diff' | 'header' | 'heading' | null;

/** UTF-16 units of a line in which its path is looked for. */
const LONGEST_PATH = 1024;
const MOST_CUTS = 20;
const MOST_REMEMBERED = 1000;
/** UTF-16 units. */
const LONGEST_LINE = 1024 * 1024;
/** How a line of a file begins, after its number. */
const NUMBER = /\d+[:-]/y;
/** What stands between parts of one file. */
const GAP = '--';
/** How a line begins that is a head. */
const HEAD = /diff --|==> |--- |\+\+\+ |commit /y;
/** Code, prose and the lines of one file begin so, and no path. */
const NO_PATH = /[\s"'`(<{[]|\d+:/y;
const OLD_FILE = /^--- (?:a\/)?(.+?)(?:\t.*)?$/;
const NEW_FILE = /^\+\+\+ (?:b\/)?(.+?)(?:\t.*)?$/;
const DIFF = /^diff --(?:git|cc|combined) (?:"?a\/)?(.+?)"?(?: "?b\/(.+?)"?)?$/;

/** Looks at lines. Most are passed over at their first letter, so that it takes little time. */
class SecretLines {
  readonly #isSecret: (path: string) => boolean;
  /** The same file is named by line after line. */
  readonly #named = new Map<string, boolean>();
  #text = '';
  #colons = new Ahead('', /:/g);
  /** Of a line that stands around the ones that were found. */
  #numbers = new Ahead('', /-\d+-/g);
  #section: Section = null;

  constructor(isSecret: (path: string) => boolean) {
    this.#isSecret = isSecret;
  }

  /**
   * A part of a text, which begins and ends with lines, without those that come from a file of secrets. What
   * stands around it is only looked at. Parts that follow each other belong together.
   */
  without(text: string, from: number, to: number): string {
    this.#text = text;
    this.#colons = new Ahead(text, /:/g);
    this.#numbers = new Ahead(text, /-\d+-/g);
    const kept: string[] = [];
    let keptTo = from;
    let previous = 0;
    for (let start = from; start < to; ) {
      const newline = text.indexOf('\n', start);
      const end = newline === -1 ? text.length : newline;
      if (this.#isLeft(start, end, previous)) {
        const between = text.slice(keptTo, start);
        // Of lines that follow each other one is left.
        if (kept.length === 0 || between !== '') kept.push(between, LEFT_OUT, '\n');
        keptTo = end + 1;
      }
      previous = start;
      start = end + 1;
    }
    if (kept.length === 0) return text.slice(from, to);
    return keptTo > to ? kept.join('').slice(0, -1) : kept.join('') + text.slice(keptTo, to);
  }

  #isLeft(start: number, end: number, previous: number): boolean {
    const head = this.#headAt(start, end, previous);
    if (head !== null) this.#section = head.paths.some((path) => this.#isNamed(path)) ? head.kind : null;
    else if (this.#section === 'heading' && !this.#isUnderHeading(start, end)) this.#section = null;
    const isShown = head === null && (this.#section !== null || this.#namesSecret(start, end));
    return isShown && !this.#stands(LEFT_OUT, start, end);
  }

  #isUnderHeading(start: number, end: number): boolean {
    return this.#isNumbered(start) || this.#stands(GAP, start, end);
  }

  /** Whether a line is one of a file, after its number; or what was put there for it. */
  #isNumbered(at: number): boolean {
    return this.#matches(NUMBER, at) || this.#text.startsWith(LEFT_OUT, at);
  }

  /** Whether a line begins with the path of such a file: `path:12:text`, `path:text`, `path-12-text`. */
  #namesSecret(start: number, end: number): boolean {
    if (start === end || this.#matches(NO_PATH, start)) return false;
    const limit = Math.min(end, start + LONGEST_PATH);
    const isDrive = this.#text[start + 1] === ':' && /[\\/]/.test(this.#text.charAt(start + 2));
    const colon = Math.min(this.#colons.from(isDrive ? start + 2 : start), limit);
    if (colon < limit && this.#isNamed(this.#text.slice(start, colon))) return true;
    let cut = this.#numbers.from(start);
    for (let cuts = 0; cut < colon && cuts < MOST_CUTS; cuts += 1) {
      if (this.#isNamed(this.#text.slice(start, cut))) return true;
      cut = this.#numbers.from(cut + 1);
    }
    return false;
  }

  /** A line that says of which files the next ones are. */
  #headAt(start: number, end: number, previous: number): { kind: Section; paths: readonly string[] } | null {
    if (this.#isNumbered(end + 1)) {
      const line = this.#isNumbered(start) ? '' : this.#lineAt(start);
      if (line !== GAP && /^(?:[A-Za-z]:[\\/])?[^\s:]+$/.test(line)) return { kind: 'heading', paths: [line] };
    }
    if (!this.#matches(HEAD, start)) return null;
    const line = this.#lineAt(start);
    const [, from, to] = DIFF.exec(line) ?? [];
    if (from !== undefined) return { kind: 'diff', paths: [from, to ?? from] };
    const [, named] = /^==> (.+) <==$/.exec(line) ?? [];
    if (named !== undefined) return { kind: 'header', paths: [named] };
    const files = filesOf(line, this.#lineAt(end + 1)) ?? filesOf(this.#lineAt(previous), line);
    if (files !== null) return { kind: 'diff', paths: files };
    return /^commit [0-9a-f]{7,64}\b/.test(line) ? { kind: null, paths: [] } : null;
  }

  /** The beginning of the line at `start`, without the end of a line of Windows. */
  #lineAt(start: number): string {
    const [line = ''] = /^[^\r\n]*/.exec(this.#text.slice(start, start + 2 * LONGEST_PATH)) ?? [];
    return line;
  }

  #matches(pattern: RegExp, at: number): boolean {
    pattern.lastIndex = at;
    return pattern.test(this.#text);
  }

  #stands(line: string, start: number, end: number): boolean {
    return end - start === line.length && this.#text.startsWith(line, start);
  }

  #isNamed(path: string): boolean {
    let isNamed = this.#named.get(path);
    if (isNamed === undefined) {
      const isProse = /\s/.test(path) && !/[\\/]/.test(path);
      isNamed = path !== '' && !isProse && !isCode(path) && this.#isSecret(path);
      if (this.#named.size < MOST_REMEMBERED) this.#named.set(path, isNamed);
    }
    return isNamed;
  }
}

/** Where a pattern is found next. It is asked with ever higher places, so all of them take one pass. */
class Ahead {
  readonly #text: string;
  readonly #pattern: RegExp;
  #next = -1;

  constructor(text: string, pattern: RegExp) {
    this.#text = text;
    this.#pattern = pattern;
  }

  /** The first place from `start` on; infinity if there is none. */
  from(start: number): number {
    if (this.#next < start) {
      this.#pattern.lastIndex = start;
      this.#next = this.#pattern.exec(this.#text)?.index ?? Number.POSITIVE_INFINITY;
    }
    return this.#next;
  }
}

/** The two files of a part of a diff; null if that is not how it begins. */
function filesOf(line: string, next: string): readonly string[] | null {
  const [, old] = OLD_FILE.exec(line) ?? [];
  const [, young] = NEW_FILE.exec(next) ?? [];
  return old === undefined || young === undefined ? null : [old, young];
}
