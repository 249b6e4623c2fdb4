import { closeSync, ftruncate, openSync, read, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fileFailure, whileWriting } from './file-failure.ts';
import { makePrivateFolder } from './folders.ts';
import { writeFully } from './write-fully.ts';
import { writerMark } from './writer-mark.ts';

const readSome = promisify(read);
const truncate = promisify(ftruncate);

const BLOCK_BYTES = 1024 * 1024;

/**
 * A file (0600) for what need not outlive this process. Nothing else can open it, for it has no name; however
 * the process ends, the system gives the disk back that it took.
 */
export class Spool {
  readonly #descriptor: number;
  readonly #folder: string;
  #length = 0;
  #isClosed = false;

  /** On the disk of `folder`, which is made if it is not there. Throws `refused` if that can't be. */
  constructor(folder: string) {
    makePrivateFolder(folder);
    const path = join(folder, `~${writerMark()}.tmp`);
    this.#folder = folder;
    this.#descriptor = whileWriting(folder, () => openSync(path, 'wx+', 0o600));
    try {
      unlinkSync(path);
    } catch (error) {
      this.close();
      throw fileFailure('write', folder, error);
    }
  }

  /** How many bytes are in it. */
  get length(): number {
    return this.#length;
  }

  /** Throws `refused`, above all where the disk is full. */
  async append(bytes: Uint8Array): Promise<void> {
    await writeFully(this.#descriptor, bytes, this.#length).catch((error: unknown) => {
      throw fileFailure('write', this.#folder, error);
    });
    this.#length += bytes.length;
  }

  /** Forgets what is behind the first `length` bytes. */
  async cut(length: number): Promise<void> {
    await truncate(this.#descriptor, length);
    this.#length = length;
  }

  /** `length` bytes from `from` on, in blocks, each of which holds only until the next one is asked for. */
  async *read(from: number, length: number): AsyncGenerator<Buffer, void, void> {
    const block = Buffer.allocUnsafeSlow(Math.min(BLOCK_BYTES, length));
    for (let done = 0; done < length; ) {
      const wanted = Math.min(block.length, length - done);
      const { bytesRead } = await readSome(this.#descriptor, block, 0, wanted, from + done).catch((error: unknown) => {
        throw fileFailure('read', this.#folder, error);
      });
      if (bytesRead === 0) throw new RangeError('So much was never written.');
      done += bytesRead;
      yield block.subarray(0, bytesRead);
    }
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    closeSync(this.#descriptor);
  }
}
