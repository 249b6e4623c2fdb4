import { fstatSync } from 'node:fs';
import { readAt } from '../files/regular-file.ts';

const STEP_BYTES = 64 * 1024;
/** A longer line is not kept whole. */
const LONGEST_LINE = 256 * 1024;
/** How much is kept of each end of such a line, in bytes. */
const END_BYTES = 8 * 1024;
const NEWLINE = 0x0a;

/** A line of a transcript: whole, or only its two ends where it is a giant (a pasted screenshot). */
export type Line =
  | { readonly isGiant: false; readonly text: string }
  | { readonly isGiant: true; readonly start: string; readonly end: string };

/** How much of a transcript was read, in bytes. */
export interface Progress {
  readonly all: number;
  /** The same without the giants. */
  readonly ordinary: number;
}

/**
 * Passes the lines of an open file to `note`, from its beginning until `isEnough`, which is asked before each
 * step of 64 KB. Whatever the lines are, memory holds less than a megabyte of them.
 *
 * Returns where the first line begins that was not passed on; the size of the file if all were.
 */
export function readForwards(
  descriptor: number,
  note: (line: Line) => void,
  isEnough: (progress: Progress) => boolean,
): number {
  const { size } = fstatSync(descriptor);
  const line = new LineBuffer();
  let position = 0;
  let ordinary = 0;
  const pass = () => {
    if (line.length <= LONGEST_LINE) ordinary += line.length + 1;
    note(line.take());
  };
  while (position < size && !isEnough({ all: position, ordinary })) {
    const bytes = readAt(descriptor, position, STEP_BYTES);
    if (bytes.length === 0) break; // it was cut meanwhile
    let from = 0;
    for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, from)) {
      line.append(bytes.subarray(from, at));
      pass();
      from = at + 1;
    }
    line.append(bytes.subarray(from));
    position += bytes.length;
  }
  if (position < size) return position - line.length;
  pass();
  return size;
}

/**
 * The last lines of an open file that begin at or behind `from`, in the order of the file: 64 KB of them, the
 * giants not counted. Searches at most `mostBytes` from the end.
 */
export function lastLines(descriptor: number, from: number, mostBytes: number): Line[] {
  const { size } = fstatSync(descriptor);
  if (from >= size) return [];
  const lines: Line[] = [];
  const line = new LineBuffer();
  let ordinaryBytes = 0;
  let position = size;
  const take = () => {
    if (line.length <= LONGEST_LINE) ordinaryBytes += line.length + 1;
    lines.push(line.take());
  };
  while (position > from && ordinaryBytes < STEP_BYTES && size - position < mostBytes) {
    const start = Math.max(from, position - STEP_BYTES);
    const bytes = readAt(descriptor, start, position - start);
    let to = bytes.length;
    for (let at = bytes.lastIndexOf(NEWLINE); at !== -1; at = at === 0 ? -1 : bytes.lastIndexOf(NEWLINE, at - 1)) {
      line.prepend(bytes.subarray(at + 1, to));
      take();
      to = at;
    }
    line.prepend(bytes.subarray(0, to));
    position = start;
  }
  if (position === from) take();
  return lines.reverse();
}

/** Whether one of `texts` (ASCII, shorter than 64 KB) is in the first `mostBytes` of an open file. */
export function holds(descriptor: number, texts: readonly string[], mostBytes: number): boolean {
  const overlap = Math.max(...texts.map((text) => text.length)) - 1;
  for (let position = 0; position < mostBytes; position += STEP_BYTES) {
    const bytes = readAt(descriptor, position, STEP_BYTES + overlap);
    if (texts.some((text) => bytes.includes(text))) return true;
    if (bytes.length <= STEP_BYTES) return false;
  }
  return false;
}

/** A line that is put together from its pieces, at either end. */
class LineBuffer {
  length = 0;
  private pieces: Buffer[] = [];
  /** The two ends of a line that has become too long to be kept, at most `END_BYTES` each. */
  private ends: readonly [start: Buffer, end: Buffer] | null = null;

  append(bytes: Buffer): void {
    this.length += bytes.length;
    if (this.ends !== null) this.ends = [this.ends[0], endOf(Buffer.concat([this.ends[1], bytes]))];
    else this.keep(() => this.pieces.push(bytes));
  }

  prepend(bytes: Buffer): void {
    this.length += bytes.length;
    if (this.ends !== null) this.ends = [startOf(Buffer.concat([bytes, this.ends[0]])), this.ends[1]];
    else this.keep(() => this.pieces.unshift(bytes));
  }

  take(): Line {
    const line: Line =
      this.ends === null
        ? { isGiant: false, text: joined(this.pieces).toString() }
        : { isGiant: true, start: this.ends[0].toString(), end: this.ends[1].toString() };
    this.length = 0;
    this.pieces = [];
    this.ends = null;
    return line;
  }

  private keep(add: () => void): void {
    add();
    if (this.length <= LONGEST_LINE) return;
    const whole = joined(this.pieces);
    this.ends = [startOf(whole), endOf(whole)];
    this.pieces = [];
  }
}

const joined = (pieces: readonly Buffer[]) => (pieces.length === 1 && pieces[0]) || Buffer.concat(pieces);

/** A copy, so that the step it was read in can be freed. */
const startOf = (bytes: Buffer) => Buffer.from(bytes.subarray(0, END_BYTES));
const endOf = (bytes: Buffer) => Buffer.from(bytes.subarray(-END_BYTES));
