/** A word of a shell command, without its quotes, and where it stands. */
export interface ShellWord {
  readonly text: string;
  readonly start: number;
  readonly end: number;
  /** Whether it is a file that is read, or written to, in place of standard input or output. */
  readonly redirect: '<' | '>' | null;
}

/** Commands that are joined by pipes, in order; a command is its words. */
export type ShellPipeline = readonly (readonly ShellWord[])[];

/** What stands in a here-document or a here-string, by its place up to `end`, and what it is given to. */
interface ShellDocument {
  readonly start: number;
  readonly end: number;
  readonly reader: ShellPipeline;
}

export interface ShellScript {
  readonly pipelines: readonly ShellPipeline[];
  readonly documents: readonly ShellDocument[];
}

/**
 * Reads a script as `sh` and its like take it apart, as far as words and here-documents go: what is nested in
 * quotes stays one word. Anything can be read; what is not closed ends with the text.
 */
export function readShell(script: string): ShellScript {
  return new Reader(script).read();
}

interface OpenDocument {
  readonly delimiter: string;
  readonly stripsTabs: boolean;
  readonly reader: ShellPipeline;
}

class Reader {
  readonly #script: string;
  readonly #pipelines: ShellWord[][][] = [[[]]];
  readonly #documents: ShellDocument[] = [];
  #open: OpenDocument[] = [];
  #at = 0;
  /** What the next word is for. */
  #next: '<' | '>' | 'document' | 'document with tabs' | 'string' | null = null;

  constructor(script: string) {
    this.#script = script;
  }

  read(): ShellScript {
    while (this.#at < this.#script.length) this.#step();
    const pipelines = this.#pipelines.map((commands) => commands.filter((words) => words.length > 0));
    return { pipelines: pipelines.filter((commands) => commands.length > 0), documents: this.#documents };
  }

  #step(): void {
    const char = this.#script[this.#at] ?? '';
    if (char === '\n') this.#endLine();
    else if (/\s/.test(char) || this.#script.startsWith('\\\n', this.#at)) this.#at += char === '\\' ? 2 : 1;
    else if (char === '#') this.#skipComment();
    else if (char === '<' || char === '>') this.#startRedirect(char);
    else if (char === '&' && this.#script[this.#at + 1] === '>') this.#at += 1;
    else if (char === '|') this.#endCommand();
    else if (ENDS_COMMAND.test(char)) this.#endPipeline(1);
    else this.#word();
  }

  #endLine(): void {
    this.#endPipeline(1);
    for (const document of this.#open) this.#document(document);
    this.#open = [];
  }

  #document({ delimiter, stripsTabs, reader }: OpenDocument): void {
    const start = this.#at;
    while (this.#at < this.#script.length) {
      const lineStart = this.#at;
      const newline = this.#script.indexOf('\n', lineStart);
      const lineEnd = newline === -1 ? this.#script.length : newline;
      this.#at = newline === -1 ? lineEnd : lineEnd + 1;
      const line = this.#script.slice(lineStart, Math.min(lineEnd, lineStart + LONGEST_DELIMITER)).replace(/\r$/, '');
      if ((stripsTabs ? line.replace(/^\t+/, '') : line) !== delimiter) continue;
      this.#documents.push({ start, end: lineStart, reader });
      return;
    }
    this.#documents.push({ start, end: this.#script.length, reader });
  }

  #skipComment(): void {
    const end = this.#script.indexOf('\n', this.#at);
    this.#at = end === -1 ? this.#script.length : end;
  }

  #startRedirect(char: '<' | '>'): void {
    const rest = this.#script.slice(this.#at, this.#at + 3);
    const [operator = char] = /^(?:<<<|<<-|<<|<>|>>|>\||<|>)/.exec(rest) ?? [];
    this.#at += operator.length;
    if (operator === '<<<') this.#next = 'string';
    else if (operator === '<<-') this.#next = 'document with tabs';
    else if (operator === '<<') this.#next = 'document';
    else this.#next = char;
    // A number of a file is a word like any other: it names nothing.
    if (this.#script[this.#at] === '&') this.#at += 1;
  }

  /** At a `|`. */
  #endCommand(): void {
    const next = this.#script[this.#at + 1];
    if (next === '|') this.#endPipeline(2);
    else {
      this.#at += next === '&' ? 2 : 1;
      this.#pipelines.at(-1)?.push([]);
      this.#next = null;
    }
  }

  #endPipeline(length: number): void {
    this.#at += length;
    this.#next = null;
    if (this.#pipelines.at(-1)?.at(-1)?.length !== 0) this.#pipelines.push([[]]);
  }

  #word(): void {
    const start = this.#at;
    const text = this.#text();
    const end = this.#at;
    const purpose = this.#next;
    this.#next = null;
    const reader = this.#pipelines.at(-1) ?? [];
    if (purpose === 'document' || purpose === 'document with tabs') {
      this.#open.push({ delimiter: text, stripsTabs: purpose === 'document with tabs', reader });
    } else if (purpose === 'string') this.#documents.push({ start, end, reader });
    else reader.at(-1)?.push({ text, start, end, redirect: purpose });
  }

  /** Reads on to the end of a word. */
  #text(): string {
    const parts: string[] = [];
    while (this.#at < this.#script.length) {
      const [plain = ''] = this.#match(PLAIN) ?? [];
      parts.push(plain);
      this.#at += plain.length;
      const char = this.#script[this.#at] ?? '';
      if (char === "'") parts.push(this.#quoted("'", false));
      else if (char === '"') parts.push(this.#quoted('"', true));
      else if (char === '\\' && this.#script[this.#at + 1] !== '\n') {
        parts.push(this.#script[this.#at + 1] ?? '');
        this.#at += 2;
      } else break;
    }
    return parts.join('');
  }

  #quoted(quote: string, hasEscapes: boolean): string {
    const parts: string[] = [];
    this.#at += 1;
    while (this.#at < this.#script.length) {
      const [plain = ''] = this.#match(hasEscapes ? PLAIN_IN_DOUBLE : PLAIN_IN_SINGLE) ?? [];
      parts.push(plain);
      this.#at += plain.length;
      const char = this.#script[this.#at];
      this.#at += 1;
      if (char === quote) break;
      const next = this.#script[this.#at] ?? '';
      // Before anything else it is kept, as in a pattern, or a path of Windows.
      parts.push(/["\\$`\n]/.test(next) ? next : `\\${next}`);
      this.#at += 1;
    }
    return parts.join('');
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    return pattern.exec(this.#script);
  }
}

const ENDS_COMMAND = /[;&()`]/;
/** Up to what can end a word, or quotes it. */
const PLAIN = /[^\s;&|()<>`'"\\]*/y;
const PLAIN_IN_SINGLE = /[^']*/y;
const PLAIN_IN_DOUBLE = /[^"\\]*/y;
/** UTF-16 units. */
const LONGEST_DELIMITER = 1000;
