import { closeSync, constants, fchmodSync, fsyncSync, lstatSync, openSync, readdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { removeIfThere, renameToNew, syncFolder } from './atomic-write.ts';
import { fileFailure, whileWriting } from './file-failure.ts';
import { writeFully } from './write-fully.ts';
import { isLeftBehind, writerMark } from './writer-mark.ts';

/** How a file is called that is still being written: services that sync folders leave such names alone. */
const TEMPORARY = /^~(.+)\.tmp$/;

/**
 * Writes a stream to a file (0600), whole or not at all, by way of a temporary file beside it, which goes too
 * if the process is ended by a signal that it notices. With `mayReplace` what has the name is replaced, also
 * a link, though not what that leads to. Returns how many bytes were written; null if the name is taken and
 * may not be.
 *
 * Throws `refused` if the file can't be written, and what the stream throws.
 */
export async function streamToFile(
  path: string,
  content: AsyncIterable<Uint8Array>,
  { mayReplace }: { readonly mayReplace: boolean },
): Promise<number | null> {
  const folder = dirname(path);
  sweepUnfinished(folder);
  const temporary = join(folder, `~${writerMark()}.tmp`);
  const remove = () => removeIfThere(temporary);
  process.on('exit', remove);
  try {
    const bytes = await writeNewFile(temporary, path, content);
    return place(temporary, path, mayReplace) ? bytes : null;
  } finally {
    remove();
    process.off('exit', remove);
  }
}

/** Writes a stream to what stands at `path` and is no regular file: a pipe, or a device. */
export async function streamInto(path: string, content: AsyncIterable<Uint8Array>): Promise<number> {
  const descriptor = whileWriting(path, () => openSync(path, constants.O_WRONLY));
  try {
    return await writeAll(descriptor, path, content);
  } finally {
    closeSync(descriptor);
  }
}

/** Removes what writers that were killed have left in a folder. Failures do no harm. */
function sweepUnfinished(folder: string): void {
  try {
    for (const name of readdirSync(folder)) {
      const mark = TEMPORARY.exec(name)?.[1];
      const stats = mark === undefined ? undefined : lstatSync(join(folder, name), { throwIfNoEntry: false });
      if (mark !== undefined && stats?.isFile() && isLeftBehind(mark, stats.mtimeMs, LEFT_BEHIND_MS)) {
        removeIfThere(join(folder, name));
      }
    }
  } catch {
    // There is no such folder, or it can't be read: the write itself will tell.
  }
}

/** Another machine may be writing to the same folder, and slowly. */
const LEFT_BEHIND_MS = 24 * 3600 * 1000;

async function writeNewFile(temporary: string, path: string, content: AsyncIterable<Uint8Array>): Promise<number> {
  const descriptor = whileWriting(path, () => openSync(temporary, 'wx', 0o600));
  try {
    // The umask may have removed permission bits.
    if (process.platform !== 'win32') whileWriting(path, () => fchmodSync(descriptor, 0o600));
    const bytes = await writeAll(descriptor, path, content);
    whileWriting(path, () => fsyncSync(descriptor));
    return bytes;
  } finally {
    closeSync(descriptor);
  }
}

/** Waits for each write before it asks for more. Errors of the stream are told from those of the file. */
async function writeAll(descriptor: number, path: string, content: AsyncIterable<Uint8Array>): Promise<number> {
  let bytes = 0;
  for await (const chunk of content) {
    await writeFully(descriptor, chunk).catch((error: unknown) => {
      throw fileFailure('write', path, error);
    });
    bytes += chunk.length;
  }
  return bytes;
}

/** Gives a whole file its name. False if another has it. */
function place(temporary: string, path: string, mayReplace: boolean): boolean {
  return whileWriting(path, () => {
    if (mayReplace) renameSync(temporary, path);
    else if (!renameToNew(temporary, path)) return false;
    syncFolder(dirname(path));
    return true;
  });
}
