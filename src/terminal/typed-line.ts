import { secretBytes } from '../secret-bytes.ts';
import type { Key } from './keys.ts';

/** More than anybody types, in bytes. */
const MAX_BYTES = 4096;
const SPACE = 0x20;

/** A line while it is typed, as bytes that are overwritten: it may be a secret. */
export class TypedLine {
  private readonly bytes = new Uint8Array(MAX_BYTES);
  private length = 0;

  /** Changes the line as `key` says. */
  apply(key: Key): void {
    if (typeof key === 'number') {
      if (this.length < MAX_BYTES) this.bytes[this.length++] = key;
    } else if (key === 'backspace') {
      this.cut(this.startOfLast());
    } else if (key === 'erase line') {
      this.cut(0);
    } else if (key === 'erase word') {
      let end = this.length;
      while (end > 0 && this.bytes[end - 1] === SPACE) end--;
      while (end > 0 && this.bytes[end - 1] !== SPACE) end--;
      this.cut(end);
    }
  }

  /** A copy of what was typed (UTF-8), which the caller wipes. */
  copy(): Uint8Array {
    return secretBytes(this.bytes.subarray(0, this.length));
  }

  wipe(): void {
    this.cut(0);
  }

  /** Where the last character begins. */
  private startOfLast(): number {
    let start = this.length - 1;
    while (start > 0 && ((this.bytes[start] as number) & 0xc0) === 0x80) start--;
    return Math.max(0, start);
  }

  private cut(length: number): void {
    this.bytes.fill(0, length, this.length);
    this.length = length;
  }
}
