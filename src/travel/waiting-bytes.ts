import { MAX_LINE_BYTES } from './limits.ts';

const NEWLINE = 0x0a;
/** What waits and is longer than this goes into one buffer: joined in the end, it would be there twice. */
const LONG_BYTES = 2 * 1024 * 1024;
/** The longest line, and what may be read with its end. */
const ROOM_BYTES = MAX_LINE_BYTES + LONG_BYTES;

/** Bytes of a transcript that wait for the end of their line. */
export class WaitingBytes {
  #pieces: Buffer[] = [];
  #length = 0;
  #hasLines = false;
  /** Of `ROOM_BYTES`; what is not filled yet takes no memory. */
  #room: Buffer | null = null;

  get length(): number {
    return this.#length;
  }

  /** Whether a line ends in them. */
  get hasLines(): boolean {
    return this.#hasLines;
  }

  add(bytes: Buffer): void {
    this.#hasLines ||= bytes.includes(NEWLINE);
    this.#pieces.push(bytes);
    this.#length += bytes.length;
    if (this.#length > LONG_BYTES && this.#length <= ROOM_BYTES) this.#join();
  }

  /** Takes the lines that are whole, with their ends. */
  takeLines(): Buffer {
    const all = this.#pieces.length === 1 ? (this.#pieces[0] as Buffer) : Buffer.concat(this.#pieces);
    const end = all.lastIndexOf(NEWLINE) + 1;
    this.clear();
    // A copy, so that the rest can be freed.
    if (end < all.length) this.add(Buffer.from(all.subarray(end)));
    return all.subarray(0, end);
  }

  /** Takes all of it. */
  take(): Buffer {
    const all = Buffer.concat(this.#pieces);
    this.clear();
    return all;
  }

  clear(): void {
    this.#pieces = [];
    this.#length = 0;
    this.#hasLines = false;
    this.#room = null;
  }

  #join(): void {
    const room = this.#room ?? Buffer.allocUnsafeSlow(ROOM_BYTES);
    let filled = 0;
    for (const piece of this.#pieces) {
      // The first one is in there already, if there was room before.
      if (piece.buffer !== room.buffer) piece.copy(room, filled);
      filled += piece.length;
    }
    this.#room = room;
    this.#pieces = [room.subarray(0, filled)];
  }
}
