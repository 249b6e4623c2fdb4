import { closeSync, constants, fstatSync, lstatSync, openSync, readSync } from 'node:fs';
import { identityOf, type SessionFile } from '../../claude/session-contents.ts';
import { errorCode } from '../../files/file-failure.ts';
import { ContentChanged } from '../bundle/bundle-writer.ts';

const BLOCK_BYTES = 1024 * 1024;
const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;

/** A file as long as it was when it was first opened: what is appended meanwhile is not read. */
export class DepartingSource {
  readonly file: SessionFile;
  readonly #onRead: (bytes: number) => void;
  #descriptor: number | null = null;
  #size: number | null = null;

  constructor(file: SessionFile, onRead: (bytes: number) => void) {
    this.file = file;
    this.#onRead = onRead;
  }

  get size(): number {
    return this.#size ?? 0;
  }

  /** Opens the very file that was found: no link, no pipe, no other one that has taken its name. */
  open(): void {
    if (this.#descriptor !== null) return;
    const { path, identity, name } = this.file;
    try {
      this.#descriptor = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    } catch (error) {
      // It is gone, or a link has taken its name: whoever looks again sees what there is now.
      if (['ENOENT', 'ELOOP'].includes(errorCode(error) ?? '')) throw new ContentChanged(name);
      throw error;
    }
    const stats = fstatSync(this.#descriptor, { bigint: true });
    this.#size ??= Number(stats.size);
    if (identityOf(stats) === identity && stats.isFile()) return;
    this.close();
    throw new ContentChanged(name);
  }

  close(): void {
    if (this.#descriptor !== null) closeSync(this.#descriptor);
    this.#descriptor = null;
  }

  /** Its content, of which each block is overwritten by the next one. */
  *blocks(): Generator<Buffer> {
    const buffer = Buffer.allocUnsafeSlow(Math.min(BLOCK_BYTES, this.size));
    for (let position = 0; position < this.size; ) {
      const length = Math.min(BLOCK_BYTES, this.size - position);
      const read = readSync(this.#open(), buffer, 0, length, position);
      if (read === 0) throw new ContentChanged(this.file.name);
      position += read;
      this.#onRead(read);
      yield buffer.subarray(0, read);
    }
  }

  /** Throws `ContentChanged` if another file has taken its name. */
  mustBeNamed(): void {
    const stats = lstatSync(this.file.path, { bigint: true, throwIfNoEntry: false });
    if (stats === undefined || identityOf(stats) !== this.file.identity) throw new ContentChanged(this.file.name);
  }

  #open(): number {
    if (this.#descriptor === null) throw new TypeError('It is not open.');
    return this.#descriptor;
  }
}
