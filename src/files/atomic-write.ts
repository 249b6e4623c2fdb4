import {
  closeSync,
  fchmodSync,
  fsyncSync,
  linkSync,
  lstatSync,
  openSync,
  readdirSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { errorCode, fileFailure } from './file-failure.ts';
import { isLeftBehind, writerMark } from './writer-mark.ts';

/** How the name of a temporary file ends. */
const TEMPORARY = '.tmp';

/**
 * Writes a file (mode 0600) whole or not at all, even if the process is killed, the disk full, or the power
 * cut.
 *
 * The folder must exist. An existing file is replaced, and so is a symbolic link (not the file that it points
 * to). `beforeReplacing` runs when the new content is safely on disk and the old file still in place; if it
 * throws, the old file stays. Throws `refused` if the operating system does not allow the write (full disk,
 * read-only, no permission); the old file is then intact.
 */
export function writeAtomically(path: string, content: Uint8Array, beforeReplacing?: () => void): void {
  withTemporary(path, content, { sync: true }, (temporary) => {
    beforeReplacing?.();
    renameSync(temporary, path);
  });
}

/** `writeAtomically` for a file that must not exist yet. Returns false, and changes nothing, if it does. */
export function createAtomically(path: string, content: Uint8Array): boolean {
  return withTemporary(path, content, { sync: true }, (temporary) => renameToNew(temporary, path));
}

/** Renames a file of ours. Returns false, and changes nothing, if there is one at `path`. */
export function renameToNew(temporary: string, path: string): boolean {
  try {
    linkSync(temporary, path);
    removeIfThere(temporary);
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    // A file system without hard links (FAT): reserve the name with an empty file, then replace that.
    if (!takeName(path)) return false;
    renameSync(temporary, path);
  }
  return true;
}

/**
 * `writeAtomically` for files that can be made again at any time: it does not wait for the disk, so a power
 * cut may leave part of one.
 */
export function writeCache(path: string, content: Uint8Array): void {
  withTemporary(path, content, { sync: false }, (temporary) => renameSync(temporary, path));
}

/**
 * Removes what writers of the file at `path` left beside it when they were killed: temporary files of ours
 * whose process has ended, or that are older than a minute. Nothing is followed, and failures do no harm.
 */
export function sweepTemporaries(path: string): void {
  const folder = dirname(path);
  const start = `.${basename(path)}.`;
  try {
    for (const name of readdirSync(folder)) {
      if (name.startsWith(start) && name.endsWith(TEMPORARY)) {
        const mark = name.slice(start.length, -TEMPORARY.length);
        const stats = lstatSync(join(folder, name), { throwIfNoEntry: false });
        if (stats?.isFile() && isLeftBehind(mark, stats.mtimeMs)) removeIfThere(join(folder, name));
      }
    }
  } catch {
    // There is no such folder, or it can't be read.
  }
}

function withTemporary<T>(
  path: string,
  content: Uint8Array,
  { sync }: { sync: boolean },
  place: (temporary: string) => T,
): T {
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.${writerMark()}${TEMPORARY}`);
  sweepTemporaries(path);
  try {
    writeNew(temporary, content, sync);
    const result = place(temporary);
    if (sync) syncFolder(folder);
    return result;
  } catch (error) {
    throw fileFailure('write', path, error);
  } finally {
    removeIfThere(temporary);
  }
}

/**
 * Writes a new file (mode 0600), or leaves none; with `sync` waits until it is on disk. Throws system errors,
 * EEXIST if there is one already.
 */
export function writeNew(path: string, content: Uint8Array, sync: boolean): void {
  const descriptor = openSync(path, 'wx', 0o600);
  try {
    // The umask may have removed permission bits.
    if (process.platform !== 'win32') fchmodSync(descriptor, 0o600);
    writeFileSync(descriptor, content);
    if (sync) fsyncSync(descriptor);
  } catch (error) {
    removeIfThere(path);
    throw error;
  } finally {
    closeSync(descriptor);
  }
}

function takeName(path: string): boolean {
  try {
    closeSync(openSync(path, 'wx', 0o600));
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Makes the names in a folder survive a power cut. Where folders can't be synced (Windows, some network
 * disks), only the files themselves are.
 */
export function syncFolder(folder: string): void {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(folder, 'r');
    fsyncSync(descriptor);
  } catch (error) {
    if (errorCode(error) === 'EIO') throw error;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** Removes a file of ours, if it is there and the disk lets us. */
export function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // A temporary file was renamed or never made. What can't be removed is swept, or taken over, later.
  }
}
