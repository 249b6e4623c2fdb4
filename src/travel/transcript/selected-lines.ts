import type { TranscriptFilter } from './transcript-filter.ts';
import { WaitingBytes } from './waiting-bytes.ts';

const NEWLINE = 0x0a;
/** About how much is looked at once. */
const BLOCK_BYTES = 1024 * 1024;

/** Where something stands in bytes. */
interface Range {
  readonly start: number;
  readonly end: number;
}

/**
 * Filters some lines of a transcript, those in which `ranges` are, and leaves the others as they are: of a
 * transcript that was filtered before, in a fraction of the time. What `filter` tells is of those lines only.
 */
export class SelectedLines {
  readonly #filter: TranscriptFilter;
  readonly #rangesIn: (lines: Buffer) => Iterable<Range>;
  readonly #waiting = new WaitingBytes();
  #selected = 0;

  /** `rangesIn` gives them in order. */
  constructor(filter: TranscriptFilter, rangesIn: (lines: Buffer) => Iterable<Range>) {
    this.#filter = filter;
    this.#rangesIn = rangesIn;
  }

  /** How many lines the filter dropped. */
  get dropped(): number {
    return this.#selected - this.#filter.report.records;
  }

  /** The transcript, in blocks, each of which holds only until the next one is asked for. */
  async *of(content: AsyncIterable<Buffer> | Iterable<Buffer>): AsyncGenerator<Buffer> {
    try {
      for await (const block of content) {
        this.#waiting.add(block);
        if (this.#waiting.hasLines && this.#waiting.length >= BLOCK_BYTES)
          yield this.#filtered(this.#waiting.takeLines());
      }
      yield this.#filtered(this.#waiting.take());
    } finally {
      this.#waiting.release();
      this.#filter.release();
    }
  }

  #filtered(lines: Buffer): Buffer {
    const pieces: Buffer[] = [];
    let done = 0;
    for (const range of this.#rangesIn(lines)) {
      const end = endOfLine(lines, range.end);
      if (end <= done) continue;
      const start = Math.max(done, startOfLine(lines, range.start));
      pieces.push(lines.subarray(done, start), ...this.#selectedLines(lines.subarray(start, end)));
      done = end;
    }
    if (done === 0) return lines;
    pieces.push(lines.subarray(done));
    return Buffer.concat(pieces);
  }

  #selectedLines(lines: Buffer): Buffer[] {
    for (let at = lines.indexOf(NEWLINE); at !== -1; at = lines.indexOf(NEWLINE, at + 1)) this.#selected += 1;
    const pieces: Buffer[] = [];
    for (const piece of this.#filter.push(lines)) pieces.push(Buffer.from(piece));
    // The lines are whole, so that the filter can go on behind this end.
    for (const piece of this.#filter.end()) pieces.push(Buffer.from(piece));
    return pieces;
  }
}

const startOfLine = (lines: Buffer, at: number) => lines.subarray(0, at).lastIndexOf(NEWLINE) + 1;

function endOfLine(lines: Buffer, at: number): number {
  const end = lines.indexOf(NEWLINE, Math.max(0, at - 1));
  return end === -1 ? lines.length : end + 1;
}
