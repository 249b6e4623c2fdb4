import type { TranscriptFilter } from './transcript-filter.ts';
import { WaitingBytes } from './waiting-bytes.ts';

const NEWLINE = 0x0a;
/** About how much is looked at once. */
const BLOCK_BYTES = 1024 * 1024;
/** What is larger is not copied to be joined with others. */
const LARGE_BYTES = 256 * 1024;

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
        if (!this.#waiting.hasLines || this.#waiting.length < BLOCK_BYTES) continue;
        yield* joined(this.#filtered(this.#waiting.takeLines()));
      }
      yield* joined(this.#filtered(this.#waiting.take()));
    } finally {
      this.#waiting.release();
      this.#filter.release();
    }
  }

  *#filtered(lines: Buffer): Generator<Buffer> {
    let done = 0;
    for (const range of this.#rangesIn(lines)) {
      if (range.end <= done) continue;
      const end = endOfLine(lines, range.end);
      const start = Math.max(done, startOfLine(lines, range.start));
      if (start > done) yield lines.subarray(done, start);
      const selected = lines.subarray(start, end);
      for (let at = selected.indexOf(NEWLINE); at !== -1; at = selected.indexOf(NEWLINE, at + 1)) this.#selected += 1;
      yield* this.#filter.push(selected);
      // The lines are whole, so that the filter can go on behind this end.
      yield* this.#filter.end();
      done = end;
    }
    if (done < lines.length) yield lines.subarray(done);
  }
}

/** Small pieces joined, and large ones as they are: each holds only until the next one is asked for. */
function* joined(pieces: Iterable<Buffer>): Generator<Buffer> {
  let small: Buffer[] = [];
  let length = 0;
  const join = () => {
    const all = Buffer.concat(small);
    small = [];
    length = 0;
    return all;
  };
  for (const piece of pieces) {
    const isSmall = piece.length < LARGE_BYTES;
    if (isSmall) {
      small.push(Buffer.from(piece));
      length += piece.length;
    }
    if (length > 0 && (!isSmall || length >= BLOCK_BYTES)) yield join();
    if (!isSmall) yield piece;
  }
  if (length > 0) yield join();
}

const startOfLine = (lines: Buffer, at: number) => lines.subarray(0, at).lastIndexOf(NEWLINE) + 1;

function endOfLine(lines: Buffer, at: number): number {
  const end = lines.indexOf(NEWLINE, Math.max(0, at - 1));
  return end === -1 ? lines.length : end + 1;
}
