import type { Key } from './keys.ts';
import { printable, printableLines } from './printable.ts';
import type { Style } from './style.ts';
import { TypedLine } from './typed-line.ts';
import { columnsOf, cutToColumns } from './width.ts';
import { wrap } from './wrap.ts';

/** What stands on the terminal while a question is open. Its methods return what is to be written. */
export interface Prompt<T> {
  /** The whole question, on a new line. */
  draw(): string;
  /** What a key changes, or the answer. */
  press(key: Key): string | { readonly answer: T };
  /** After the size of the window has changed. */
  resized(): string;
  /** Overwrites what was typed. */
  wipe(): void;
}

/** One choice: what is shown, and the value that it stands for. */
export interface Choice<T> {
  readonly name: string;
  readonly value: T;
  /** Shown below the list while this one is marked; may have several lines. */
  readonly description?: string;
}

/** A terminal that knows no escape sequences, as of Emacs' `M-x shell`. */
const IS_DUMB = process.env['TERM'] === 'dumb';
/** Clears the rest of the screen, from the start of the line. */
const CLEAR = IS_DUMB ? '' : '\r\u001b[J';
const PRINTABLE_ASCII = { from: 0x20, to: 0x7e };

/** Yes or no, as a word and Return; anything but a yes is a no. */
export class ConfirmPrompt implements Prompt<boolean> {
  private readonly question: string;
  private typed = '';

  constructor(message: string, style: Style, columns: number) {
    this.question = `${wrap(`${lead(message, style)} ${style.dim('(y/N)')}`, columns - 4)} `;
  }

  draw(): string {
    return `${CLEAR}${this.question}${this.typed}`;
  }

  press(key: Key): string | { readonly answer: boolean } {
    if (key === 'return') return { answer: /^y(es)?$/i.test(this.typed.trim()) };
    if (typeof key === 'number') {
      if (key < PRINTABLE_ASCII.from || key > PRINTABLE_ASCII.to || this.typed.length >= 20) return '';
      this.typed += String.fromCharCode(key);
      return String.fromCharCode(key);
    }
    const kept = key === 'backspace' ? this.typed.slice(0, -1) : key.startsWith('erase') ? '' : this.typed;
    const erased = this.typed.length - kept.length;
    this.typed = kept;
    return '\b \b'.repeat(erased);
  }

  resized(): string {
    return '';
  }

  wipe(): void {}
}

/** Text that is not shown, in UTF-8. The caller wipes the answer. */
export class SecretPrompt implements Prompt<Uint8Array> {
  private readonly question: string;
  private readonly line = new TypedLine();

  constructor(message: string, style: Style, columns: number) {
    this.question = `${wrap(`${lead(message, style)} ${style.dim('(not shown)')}`, columns - 1)} `;
  }

  draw(): string {
    return `${CLEAR}${this.question}`;
  }

  press(key: Key): string | { readonly answer: Uint8Array } {
    if (key === 'return') return { answer: this.line.copy() };
    this.line.apply(key);
    return '';
  }

  resized(): string {
    return '';
  }

  wipe(): void {
    this.line.wipe();
  }
}

/** One of a list. Each takes one line, so that many are seen at once. */
export class ChoosePrompt<T> implements Prompt<T> {
  private readonly question: string;
  private readonly choices: readonly Choice<T>[];
  private readonly size: () => readonly [columns: number, rows: number];
  private readonly style: Style;
  private marked = 0;
  /** The columns of each line that was drawn. */
  private drawn: readonly number[] = [];

  constructor(
    message: string,
    choices: readonly Choice<T>[],
    screen: { readonly size: () => readonly [columns: number, rows: number]; readonly style: Style },
  ) {
    this.question = lead(message, screen.style);
    this.choices = choices;
    this.size = screen.size;
    this.style = screen.style;
  }

  draw(): string {
    const [columns, rows] = this.size();
    const { style, choices, marked } = this;
    // The last column stays empty: a terminal may wrap there.
    const cut = (text: string) => cutToColumns(text, columns - 1);
    const which = `(${marked + 1} of ${choices.length}: arrow keys, then Return)`;
    const question = wrap(`${this.question} ${style.dim(which)}`, columns - 1).split('\n');
    const left = rows - 1 - question.reduce((sum, line) => sum + rowsOf(columnsOf(line), columns), 0);
    const below = firstOf(this.described(columns - 1), Math.max(1, left - Math.min(choices.length, MOST_KEPT)));
    const shown = Math.max(1, Math.min(choices.length, left - below.length));
    const first = Math.min(Math.max(0, marked - Math.floor(shown / 2)), choices.length - shown);
    const entry = ({ name }: Choice<T>, i: number) => cut(`${first + i === marked ? '>' : ' '} ${printable(name)}`);
    const entries = choices.slice(first, first + shown).map(entry);
    const lines = [
      ...question,
      ...entries.map((text, i) => (first + i === marked ? style.bold(text) : text)),
      ...below.map((text) => style.dim(cut(text))),
    ];
    this.drawn = lines.map(columnsOf);
    return `${CLEAR}${lines.join('\n')}`;
  }

  /** What is shown of the marked choice below the list, in lines of this width. */
  private described(columns: number): string[] {
    const description = this.choices[this.marked]?.description ?? '';
    if (description === '') return [];
    const lines = wrap(printableLines(description), columns - INDENT.length).split('\n');
    return lines.map((line) => `${INDENT}${line}`);
  }

  press(key: Key): string | { readonly answer: T } {
    const { choices, marked } = this;
    const choice = choices[marked];
    if (key === 'return' && choice !== undefined) return { answer: choice.value };
    const character = typeof key === 'number' ? String.fromCharCode(key) : key;
    if (character === 'up' || character === 'k') this.marked = Math.max(0, marked - 1);
    else if (character === 'down' || character === 'j') this.marked = Math.min(choices.length - 1, marked + 1);
    return this.marked === marked ? '' : this.drawAgain();
  }

  resized(): string {
    return this.drawAgain();
  }

  wipe(): void {}

  /** In place of what was drawn, which the terminal may have wrapped anew. */
  private drawAgain(): string {
    if (IS_DUMB) return `\n${this.draw()}`;
    const [columns] = this.size();
    const rows = this.drawn.reduce((sum, width) => sum + rowsOf(width, columns), 0);
    return `${rows > 1 ? `\u001b[${rows - 1}A` : ''}${this.draw()}`;
  }
}

const INDENT = '  ';
/** So many choices are not left out for the sake of what is said of one. */
const MOST_KEPT = 4;

/** At most so many of the lines, and then an ellipsis. */
const firstOf = (lines: readonly string[], most: number) =>
  lines.length <= most ? lines : [...lines.slice(0, most - 1), `${lines[most - 1]} …`];

/** How many rows of a terminal a line takes. */
const rowsOf = (width: number, columns: number) => Math.max(1, Math.ceil(width / columns));

/** Messages may hold what a stranger wrote. */
function lead(message: string, style: Style): string {
  return `${style.good('?')} ${style.bold(printable(message))}`;
}
