const NOTHING = Buffer.alloc(0);

/** Reads a stream of chunks by the length that its reader wants. Holds one chunk, and what `take` returns. */
export class ByteReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #chunk: Buffer = NOTHING;
  #read = 0;
  #hasEnded = false;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Bytes that came from the source so far, whether they were asked for yet or not. */
  get bytesRead(): number {
    return this.#read;
  }

  /** What is there already, at most `most` bytes; waits for at least one. Empty only at the end. */
  async some(most: number): Promise<Buffer> {
    if (await this.atEnd()) return NOTHING;
    const part = this.#chunk.subarray(0, most);
    this.#chunk = this.#chunk.subarray(part.length);
    return part;
  }

  /** The next `length` bytes; fewer only at the end. */
  async take(length: number): Promise<Buffer> {
    const first = await this.some(length);
    if (first.length === length || first.length === 0) return first;
    const bytes = Buffer.allocUnsafe(length);
    let filled = first.copy(bytes);
    while (filled < length) {
      const part = await this.some(length - filled);
      if (part.length === 0) break;
      filled += part.copy(bytes, filled);
    }
    return bytes.subarray(0, filled);
  }

  /** Makes `bytes` the next ones to be read. */
  putBack(bytes: Uint8Array): void {
    this.#chunk = Buffer.concat([bytes, this.#chunk]);
  }

  /** True if nothing follows. Waits until that is known. */
  async atEnd(): Promise<boolean> {
    while (this.#chunk.length === 0 && !this.#hasEnded) {
      const next = await this.#source.next();
      if (next.done) {
        this.#hasEnded = true;
      } else {
        this.#read += next.value.length;
        this.#chunk = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.length);
      }
    }
    return this.#chunk.length === 0;
  }

  /** Reads no more, and lets the source close what it has open. */
  async close(): Promise<void> {
    this.#chunk = NOTHING;
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    await this.#source.return?.();
  }
}
