import {
  closeSync,
  constants,
  copyFileSync,
  fsyncSync,
  linkSync,
  lstatSync,
  openSync,
  readdirSync,
  type Stats,
  statSync,
  unlinkSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { publicKeyOf } from '../crypto/ed25519.ts';
import { Failure } from '../failure.ts';
import { createAtomically, sweepTemporaries, syncFolder, writeAtomically } from '../files/atomic-write.ts';
import { errorCode, fileFailure } from '../files/file-failure.ts';
import { makePrivateFolder } from '../files/folders.ts';
import { withLock } from '../files/lock.ts';
import { isOpenToOthers, octalMode } from '../files/permissions.ts';
import { realPath } from '../files/real-path.ts';
import { readSmallFile } from '../files/regular-file.ts';
import { quoteForShell } from '../shell-quote.ts';
import { encodePublicKey, fingerprint, parsePublicKey, samePublicKey } from './public-key.ts';
import { encodeStoredKey, MAX_STORED_KEY_LENGTH, parseStoredKey, type StoredKey } from './stored-key.ts';

export type { StoredKey } from './stored-key.ts';

const MAX_BACKUPS = 1000;

/**
 * Reads a key file without opening it. The caller wipes a plain seed after use.
 *
 * Throws `no-key` if there is none; `refused` if it is not a regular file, if anybody but its owner may
 * do anything with it (on Unix), or if the system won't let us; `cannot-open` if it does not hold a key.
 */
export function readKeyFile(path: string): StoredKey {
  const content = readKeyBytes(path, { anyMode: false });
  if (content === null) {
    throw new Failure(
      'no-key',
      `There is no key at ${path}.`,
      'Make one with: cclink init\nOr bring yours from another machine: ssh other-machine cat .pubky/secret_key | cclink init --import -',
    );
  }
  try {
    return parseStoredKey(content, `The key file ${path}`);
  } finally {
    content.fill(0);
  }
}

/**
 * The 32-byte public key of a stored key: computed for a plain one, read from the file beside an encrypted
 * one. Null if only opening the key can tell.
 */
export function publicKeyOfStored(path: string, key: StoredKey): Uint8Array | null {
  return key.kind === 'plain' ? publicKeyOf(key.seed) : readPublicKeyFile(path);
}

/**
 * Runs `work` while no other cclink writes the key file at `path`, so that of two that replace a key at once
 * each keeps what it found. Throws as `withLock` does.
 */
export function whileKeyIsLocked<T>(path: string, work: () => T): Promise<T> {
  makePrivateFolder(dirname(path));
  return withLock(`${path}.lock`, work);
}

/** Removes what was left beside a key file by a cclink that was killed while it wrote: it may hold a seed. */
export function sweepBesideKey(path: string): void {
  for (const file of [path, publicKeyFileOf(path)]) sweepTemporaries(file);
}

/** How a key file is written. */
export interface WriteOptions {
  /**
   * The public key (32 bytes) of an encrypted key; null if it is unknown, as for an envelope imported
   * unopened.
   */
  readonly publicKey: Uint8Array | null;
  /** False: an existing key is a `key-exists` failure. True: it is kept under another name, and replaced. */
  readonly replace: boolean;
  /** The clock, in Unix milliseconds: for the name of a backup whose public key is not known. */
  readonly nowMs: number;
}

/**
 * Writes a key file (0600, its folder 0700 if it must be made) whole or not at all, and `.pub` beside an
 * encrypted key.
 *
 * An existing key is never lost, at whatever moment we are stopped: it first gets a second name, `<path>.<8
 * characters>.bak` or `<path>.unknown-<time>.bak`, and only then is it replaced. No backup replaces another.
 * Returns the path of the backup, null if there was nothing to keep. Throws `key-exists`, `refused`. To be
 * called within `whileKeyIsLocked`.
 */
export function writeKeyFile(path: string, key: StoredKey, { publicKey, replace, nowMs }: WriteOptions): string | null {
  makePrivateFolder(dirname(path));
  const content = encodeStoredKey(key);
  let backup: string | null = null;
  try {
    if (replace) {
      writeAtomically(path, content, () => {
        backup = keepBackup(path, nowMs);
        removePublicKeyFile(path);
      });
    } else {
      if (!exists(path)) removePublicKeyFile(path);
      if (!createAtomically(path, content)) {
        throw new Failure('key-exists', `There is a key at ${path} already.`, 'Keep it, or move it away first.');
      }
    }
  } finally {
    content.fill(0);
  }
  if (key.kind === 'encrypted' && publicKey !== null) correctPublicKeyFile(path, publicKey);
  return backup;
}

/**
 * Puts the same key into its file in another form: under another passphrase, or under none. Whole or not at
 * all, and without a backup, which would open with what opened it before. Where the path is a symbolic link,
 * the file that it leads to is replaced: else that one would stay.
 *
 * Throws `refused` if the file no longer holds `before`, or the system won't let us. To be called within
 * `whileKeyIsLocked`.
 */
export function rewriteKeyFile(path: string, before: StoredKey, after: StoredKey, publicKey: Uint8Array): void {
  const content = encodeStoredKey(after);
  try {
    writeAtomically(realPath(path), content, () => {
      if (holdsSameKey(path, before)) return;
      throw new Failure('refused', `The key at ${path} was changed meanwhile.`, 'Look at it first: cclink whoami');
    });
  } finally {
    content.fill(0);
  }
  if (after.kind === 'encrypted') correctPublicKeyFile(path, publicKey);
}

function holdsSameKey(path: string, key: StoredKey): boolean {
  const there = readKeyFile(path);
  const [one, other] = [encodeStoredKey(there), encodeStoredKey(key)];
  if (there.kind === 'plain') there.seed.fill(0);
  const same = Buffer.compare(one, other) === 0;
  for (const content of [one, other]) content.fill(0);
  return same;
}

/** The backups beside a key file that hold this key (public key, 32 bytes), or may: those of unknown keys. */
export function backupsOf(path: string, publicKey: Uint8Array): string[] {
  const starts = ['unknown-', fingerprint(publicKey)].map((name) => `${basename(path)}.${name}`);
  try {
    return readdirSync(dirname(path))
      .filter((name) => name.endsWith('.bak') && starts.some((start) => name.startsWith(start)))
      .map((name) => join(dirname(path), name));
  } catch {
    return [];
  }
}

/** The path of the public key beside a key file. */
function publicKeyFileOf(path: string): string {
  return `${path}.pub`;
}

/** Writes the public key (32 bytes) beside a key file: z-base-32, one line. Throws `refused`. */
export function writePublicKeyFile(path: string, publicKey: Uint8Array): void {
  writeAtomically(publicKeyFileOf(path), Buffer.from(`${encodePublicKey(publicKey)}\n`));
}

/**
 * Corrects the public key beside the key file that `key` was read from, unless another key stands there by
 * now, and if the disk lets us: nothing depends on it.
 */
export async function refreshPublicKeyFile(path: string, key: StoredKey, publicKey: Uint8Array): Promise<void> {
  if (isPublicKeyBeside(path, publicKey)) return;
  try {
    await whileKeyIsLocked(path, () => {
      if (holdsSameKey(path, key)) correctPublicKeyFile(path, publicKey);
    });
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
  }
}

/** The same for the holder of the lock, who knows which key stands there. */
function correctPublicKeyFile(path: string, publicKey: Uint8Array): void {
  if (isPublicKeyBeside(path, publicKey)) return;
  try {
    writePublicKeyFile(path, publicKey);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
  }
}

function isPublicKeyBeside(path: string, publicKey: Uint8Array): boolean {
  const there = readPublicKeyFile(path);
  return there !== null && samePublicKey(there, publicKey);
}

/**
 * The public key (32 bytes) beside a key file. Null if there is none, or what is there is no public key.
 * Never throws.
 */
export function readPublicKeyFile(path: string): Uint8Array | null {
  try {
    const content = contentOf(publicKeyFileOf(path), () => {});
    return content === null
      ? null
      : parsePublicKey(
          Buffer.from(content)
            .toString('latin1')
            .replace(/\r?\n$/, ''),
        );
  } catch {
    return null;
  }
}

function removePublicKeyFile(path: string): void {
  try {
    unlinkSync(publicKeyFileOf(path));
  } catch (error) {
    // If it can't be removed, it may stay as long as it can't be mistaken for the new public key.
    if (readPublicKeyFile(path) !== null) throw error;
  }
}

/** Gives the file at `path` a second name that no other file has. Null if there is no file. */
function keepBackup(path: string, nowMs: number): string | null {
  if (!exists(path)) return null;
  // The copy of a pipe or a device, where links can't be made, would have no end.
  if (statSync(path, { throwIfNoEntry: false })?.isFile() === false) throw notAFile(path);
  const name = `${path}.${nameOfKeyAt(path) ?? `unknown-${timestamp(nowMs)}`}`;
  for (let n = 1; n <= MAX_BACKUPS; n++) {
    const backup = n === 1 ? `${name}.bak` : `${name}-${n}.bak`;
    if (linkOrCopy(path, backup)) {
      syncFolder(dirname(path));
      return backup;
    }
  }
  throw new Failure('refused', `There are too many backups of the key ${path}.`, 'Move some of them away.');
}

/** The fingerprint of the key in a file, whatever the mode of the file; null if it is not known. */
function nameOfKeyAt(path: string): string | null {
  try {
    const content = readKeyBytes(path, { anyMode: true });
    if (content === null) return null;
    const key = parseStoredKey(content);
    content.fill(0);
    const publicKey = publicKeyOfStored(path, key);
    if (key.kind === 'plain') key.seed.fill(0);
    return publicKey === null ? null : fingerprint(publicKey);
  } catch {
    return null;
  }
}

/** False if the second name is taken. */
function linkOrCopy(path: string, second: string): boolean {
  try {
    linkSync(path, second);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
  }
  // No hard links on this file system, or somebody else's file: a copy will do.
  try {
    copyFileSync(path, second, constants.COPYFILE_EXCL);
    syncFile(second);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

function syncFile(path: string): void {
  const descriptor = openSync(path, 'r+');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** `20260901T120000Z`: sorts by time, and is a valid file name everywhere. */
function timestamp(nowMs: number): string {
  return new Date(nowMs).toISOString().replace(/[-:]|\.\d+/g, '');
}

/** True if anything has this name, even a broken symbolic link. */
function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function readKeyBytes(path: string, { anyMode }: { anyMode: boolean }): Uint8Array | null {
  return contentOf(path, (stats) => {
    if (anyMode || !isOpenToOthers(stats)) return;
    throw new Failure(
      'refused',
      `The permissions of the key file ${path} are ${octalMode(stats)}, and must be 0600 or less: yours alone.`,
      `chmod 600 ${quoteForShell(path)}`,
    );
  });
}

/**
 * The content of a regular file of at most `MAX_STORED_KEY_LENGTH` bytes; null if there is none. Throws
 * `refused`, `cannot-open`.
 */
function contentOf(path: string, check: (stats: Stats) => void): Uint8Array | null {
  try {
    const content = readSmallFile(path, MAX_STORED_KEY_LENGTH, check);
    if (content === 'not a file') throw notAFile(path);
    if (content !== 'too large') return content;
    throw new Failure('cannot-open', `The file ${path} is too large to be a key.`, 'Put a backup in its place.');
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT') return null;
    if (code === 'EISDIR' || code === 'ENXIO') throw notAFile(path);
    throw fileFailure('read', path, error);
  }
}

function notAFile(path: string): Failure {
  return new Failure('refused', `${path} is not a regular file.`, 'Move it away, or set CCLINK_KEY_FILE.');
}
