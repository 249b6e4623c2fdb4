const END_OF_LINE = Buffer.from('\n');
/** What is larger is not copied to be joined with others. */
const LARGE_BYTES = 1024 * 1024;

/** The lines that a block of a transcript leaves, with one pass of rewriting over as many as possible. */
export class FilteredBlock {
  readonly #finish: (lines: Buffer) => readonly Buffer[];
  readonly #done: Buffer[] = [];
  /** Lines that are to be finished: bytes, and the text of other lines as latin1. */
  #bytes: Buffer[] = [];
  #texts: string[] = [];

  /** `finish` rewrites one or more whole lines, and returns them in pieces. */
  constructor(finish: (lines: Buffer) => readonly Buffer[]) {
    this.#finish = finish;
  }

  /** Takes lines with their ends, as they are in the file. */
  addLines(lines: Buffer): void {
    if (lines.length >= LARGE_BYTES) this.#closeBytes();
    else this.#closeTexts();
    this.#bytes.push(lines);
    if (lines.length >= LARGE_BYTES) this.#closeBytes();
  }

  addLine(line: Buffer): void {
    this.addLines(line);
    this.#bytes.push(END_OF_LINE);
  }

  /** Takes a large line in pieces: a path does not go over the end of one. They are not joined. */
  addPieces(pieces: readonly Buffer[]): void {
    this.#closeBytes();
    this.#done.push(...pieces.flatMap((piece) => this.#finish(piece)), END_OF_LINE);
  }

  /** Takes the latin1 text of a line. */
  addText(line: string): void {
    this.#texts.push(line);
  }

  /** Takes a line that is not to be finished. */
  addFinished(line: Buffer): void {
    this.#closeBytes();
    this.#done.push(line, END_OF_LINE);
  }

  /** All of it, in pieces: large ones as they are, others together. */
  take(): Buffer[] {
    this.#closeBytes();
    const pieces: Buffer[] = [];
    let small: Buffer[] = [];
    const join = () => {
      if (small.length > 0) pieces.push(small.length === 1 ? (small[0] as Buffer) : Buffer.concat(small));
      small = [];
    };
    for (const piece of this.#done) {
      if (piece.length < LARGE_BYTES) small.push(piece);
      else {
        join();
        pieces.push(piece);
      }
    }
    join();
    return pieces;
  }

  #closeTexts(): void {
    if (this.#texts.length === 0) return;
    this.#texts.push('');
    this.#bytes.push(Buffer.from(this.#texts.join('\n'), 'latin1'));
    this.#texts = [];
  }

  #closeBytes(): void {
    this.#closeTexts();
    if (this.#bytes.length === 0) return;
    const [first] = this.#bytes;
    const lines = this.#bytes.length === 1 && first !== undefined ? first : Buffer.concat(this.#bytes);
    for (const piece of this.#finish(lines)) this.#done.push(piece);
    this.#bytes = [];
  }
}
