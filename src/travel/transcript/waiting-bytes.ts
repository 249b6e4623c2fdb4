import { MAX_LINE_BYTES } from '../bundle/limits.ts';

const NEWLINE = 0x0a;
/** For blocks of a megabyte, and what is left of the one before. */
const ROOM_BYTES = 3 * 1024 * 1024;
/** For the longest line, and what was read with its end. */
const LARGE_ROOM_BYTES = MAX_LINE_BYTES + ROOM_BYTES;

const NOTHING: Buffer = Buffer.alloc(0);
/** What one has used, for the next one. */
let spareRoom = NOTHING;

/**
 * Bytes of a transcript that wait for the end of their line. They are copied to one place, which is used
 * again and again: a new buffer for every block would be 60 MB of buffers before the collector sees to them.
 */
export class WaitingBytes {
  #room = NOTHING;
  #start = 0;
  #end = 0;
  #hasLines = false;

  get length(): number {
    return this.#end - this.#start;
  }

  /** Whether a line ends in them. */
  get hasLines(): boolean {
    return this.#hasLines;
  }

  /** From here on, what was taken before is overwritten. */
  add(bytes: Buffer): void {
    this.#makeRoom(bytes.length);
    this.#end += bytes.copy(this.#room, this.#end);
    this.#hasLines ||= bytes.includes(NEWLINE);
  }

  /** Takes the lines that are whole, with their ends. */
  takeLines(): Buffer {
    const all = this.#room.subarray(this.#start, this.#end);
    const lines = all.subarray(0, all.lastIndexOf(NEWLINE) + 1);
    this.#start += lines.length;
    this.#hasLines = false;
    return lines;
  }

  /** Takes all of it. */
  take(): Buffer {
    const all = this.#room.subarray(this.#start, this.#end);
    this.clear();
    return all;
  }

  clear(): void {
    this.#start = this.#end;
    this.#hasLines = false;
  }

  /** Gives the memory to the next one: nobody may use what was taken any more. */
  release(): void {
    this.clear();
    if (this.#room.length > spareRoom.length) spareRoom = this.#room;
    this.#room = NOTHING;
    this.#start = 0;
    this.#end = 0;
  }

  #makeRoom(bytes: number): void {
    if (this.#end + bytes <= this.#room.length) return;
    const all = this.#room.subarray(this.#start, this.#end);
    const needed = all.length + bytes;
    if (needed > this.#room.length) this.#room = roomFor(needed);
    this.#end = all.copy(this.#room);
    this.#start = 0;
  }
}

function roomFor(bytes: number): Buffer {
  const spare = spareRoom;
  spareRoom = NOTHING;
  if (bytes <= spare.length) return spare;
  // What is not filled of it takes no memory.
  return Buffer.allocUnsafeSlow(bytes <= ROOM_BYTES ? ROOM_BYTES : Math.max(LARGE_ROOM_BYTES, bytes));
}
