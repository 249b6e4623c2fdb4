import { randomBytes } from 'node:crypto';
import { closeSync, fchmodSync, fsyncSync, linkSync, openSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { errorCode, fileFailure } from './file-failure.ts';

/**
 * Writes a file (mode 0600) whole or not at all, whatever happens on the way: a kill, a full disk, a power cut.
 *
 * The folder must exist. A file already there is replaced, a symbolic link too (not the file that it points to). `beforeReplacing` runs
 * when the new content is safely on disk and the old file still in its place; if it throws, the old file stays. Throws `refused` where the
 * operating system declines (full disk, read-only, no permission); the old file is intact then.
 */
export function writeAtomically(path: string, content: Uint8Array, beforeReplacing?: () => void): void {
  withTemporary(path, content, { sync: true }, (temporary) => {
    beforeReplacing?.();
    renameSync(temporary, path);
  });
}

/** The same for a file that must not be there yet. False: something is, and it stays. */
export function createAtomically(path: string, content: Uint8Array): boolean {
  return withTemporary(path, content, { sync: true }, (temporary) => {
    try {
      linkSync(temporary, path);
    } catch (error) {
      if (errorCode(error) === 'EEXIST') return false;
      // A file system without hard links (FAT): take the name with an empty file, then put ours in its place.
      if (!takeName(path)) return false;
      renameSync(temporary, path);
    }
    return true;
  });
}

/** `writeAtomically` for what can be made again at any time: it does not wait for the disk, so that a power cut may leave part of it. */
export function writeCache(path: string, content: Uint8Array): void {
  withTemporary(path, content, { sync: false }, (temporary) => renameSync(temporary, path));
}

function withTemporary<T>(
  path: string,
  content: Uint8Array,
  { sync }: { sync: boolean },
  place: (temporary: string) => T,
): T {
  const folder = dirname(path);
  // The random name keeps two writers apart, and a stranger from waiting there with a link of his own.
  const temporary = join(folder, `.${basename(path)}.${randomBytes(8).toString('hex')}.tmp`);
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

/** Writes a new file; with `sync` down to the disk. */
function writeNew(path: string, content: Uint8Array, sync: boolean): void {
  const descriptor = openSync(path, 'wx', 0o600);
  try {
    // The process's umask may have taken bits away.
    if (process.platform !== 'win32') fchmodSync(descriptor, 0o600);
    writeFileSync(descriptor, content);
    if (sync) fsyncSync(descriptor);
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

/** Makes the names in a folder last. Where folders can't be synced (Windows, some network disks), the file itself still is. */
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

function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It was renamed, or never made; a disk that no longer lets us remove it has failed the write already.
  }
}
