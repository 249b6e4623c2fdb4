import { write } from 'node:fs';
import { promisify } from 'node:util';

const writeSome = promisify(write);

/**
 * Writes all of `bytes` to an open file: at `position`, or where the last write ended. Throws system errors.
 */
export async function writeFully(descriptor: number, bytes: Uint8Array, position: number | null = null): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const at = position === null ? null : position + written;
    written += (await writeSome(descriptor, bytes, written, bytes.length - written, at)).bytesWritten;
  }
}
