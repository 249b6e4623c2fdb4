import { constants } from 'node:fs';
import { type FileHandle, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AgeKeys, openStream } from '../crypto/age-file.ts';
import { Failure } from '../failure.ts';
import { errorCode, fileFailure } from '../files/file-failure.ts';
import { describeDuration } from '../time.ts';
import { type Bundle, readBundle } from './bundle/bundle-reader.ts';
import { MAX_SEALED_BYTES } from './bundle/limits.ts';
import { bundleName, bundleSecret, isCopyOf, stemOf } from './handoff-keys.ts';

/** A handoff whose sealed session may lie in a folder: its `t` (16 bytes) and its address (32-byte key). */
export interface FolderHandoff {
  readonly t: Uint8Array;
  readonly address: Uint8Array;
}

/** A bundle that lies whole in a folder, opened. */
export interface FolderBundle {
  readonly bundle: Bundle;
  /** The size of its file, in bytes. */
  readonly bytes: number;
  /** Closes the file. To be called whatever happens. */
  close(): Promise<void>;
}

/**
 * Why a bundle can't be read yet. `on its way`: whatever brings it has only its own temporary file or a
 * placeholder there. `not whole`: a part of it is there, or something else stands under its name.
 */
export type Absence =
  | { readonly kind: 'no folder' | 'not there' | 'on its way' }
  | { readonly kind: 'not whole'; readonly bytes: number };

/** Told how a file is checked, which takes as long as the folder takes to give it. */
interface Checking {
  /** So many more bytes were read. */
  moved(bytes: number): void;
  /** Nothing more is read. */
  end(): void;
}

/** Given the size of a file that is about to be checked, in bytes. */
export type OnCheck = (bytes: number) => Checking;

/** How often a folder is looked into, in milliseconds. */
const POLL_MS = 1000;
const CHUNK_BYTES = 256 * 1024;
const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;

/**
 * Waits until a handoff's bundle lies whole in a folder, and opens it. `tell` is told what is missing, each
 * time that this changes. `timeoutMs`: null waits as long as it takes, 0 looks once and tells nothing.
 *
 * Throws `no-session` once the time is over, `usage` where there was none, and what `readBundle` does for a
 * bundle that is whole.
 */
export async function waitForBundle(
  folder: string,
  handoff: FolderHandoff,
  timeoutMs: number | null,
  tell: (absence: Absence) => void,
  onCheck?: OnCheck,
): Promise<FolderBundle> {
  const search = new FolderSearch(folder, handoff, onCheck);
  const endMs = timeoutMs === null ? Number.POSITIVE_INFINITY : performance.now() + timeoutMs;
  for (let told = ''; ; ) {
    const found = await search.look();
    if ('bundle' in found) return found;
    if (timeoutMs === 0) throw notWaitedFor(folder, found);
    if (JSON.stringify(found) !== told) tell(found);
    told = JSON.stringify(found);
    const leftMs = endMs - performance.now();
    if (leftMs <= 0) throw notThere(folder, found, timeoutMs ?? 0);
    await sleep(Math.min(POLL_MS, leftMs));
  }
}

/** The bundle of a handoff if it lies whole in a folder now, opened; else why not. */
export function lookIntoFolder(
  folder: string,
  handoff: FolderHandoff,
  onCheck?: OnCheck,
): Promise<FolderBundle | Absence> {
  return new FolderSearch(folder, handoff, onCheck).look();
}

/**
 * What lies in a folder for the bundle called `name`: itself and copies of it, itself first, and whether
 * there is anything else of that name, which whatever syncs the folder needs meanwhile. Null without a
 * folder.
 */
async function filesFor(name: string, folder: string): Promise<{ copies: string[]; isOnItsWay: boolean } | null> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) return null;
    throw fileFailure('read', folder, error);
  }
  const copies = names.filter((each) => isCopyOf(name, each));
  return {
    copies: copies.sort((a, b) => Number(b === name) - Number(a === name)),
    isOnItsWay: names.some((each) => each.includes(stemOf(name)) && !isCopyOf(name, each)),
  };
}

/** The search for one bundle: looks again only at files that have changed since. */
class FolderSearch {
  private readonly folder: string;
  private readonly name: string;
  private readonly keys: AgeKeys;
  private readonly onCheck: OnCheck | undefined;
  /** The size and time of each file when it was last seen, and whether it was not whole then. */
  private readonly seen = new Map<string, { readonly mark: string; readonly isPart: boolean }>();

  constructor(folder: string, { t, address }: FolderHandoff, onCheck: OnCheck | undefined) {
    this.folder = folder;
    this.onCheck = onCheck;
    this.name = bundleName(t, address);
    this.keys = { secrets: async () => [bundleSecret(t, address)] };
  }

  async look(): Promise<FolderBundle | Absence> {
    const files = await filesFor(this.name, this.folder);
    if (files === null) return { kind: 'no folder' };
    let bytes = -1;
    for (const copy of files.copies) {
      const found = await this.openIfWhole(join(this.folder, copy));
      if (typeof found !== 'number') return found;
      bytes = Math.max(bytes, found);
    }
    if (bytes >= 0) return { kind: 'not whole', bytes };
    return { kind: files.isOnItsWay ? 'on its way' : 'not there' };
  }

  /**
   * The bundle in a file; the file's size if that is none, or not whole. A stranger may have put it there, or
   * half of it: links, pipes and devices are not followed, and nothing is taken from it before its last byte
   * was checked.
   */
  private async openIfWhole(path: string): Promise<FolderBundle | number> {
    const file = await openRegular(path);
    if (file === null) return 0;
    let keep = false;
    try {
      const { size, mtimeMs } = await file.stat();
      const mark = `${size} ${mtimeMs}`;
      const before = this.seen.get(path);
      // One that grows is not read again and again, but once it has been the same for one look.
      const isQuiet = before === undefined || (before.mark === mark && !before.isPart);
      this.seen.set(path, { mark, isPart: before?.mark === mark && before.isPart });
      if (size > MAX_SEALED_BYTES || !isQuiet) return size;
      if (!(await this.isWhole(file, size))) {
        this.seen.set(path, { mark, isPart: true });
        return size;
      }
      const bundle = await readBundle(bytesOf(file, size), this.keys);
      keep = true;
      return { bundle, bytes: size, close: () => bundle.close().finally(() => file.close()) };
    } finally {
      if (!keep) await file.close();
    }
  }

  /** True if all of it is authentic, to its end, and sealed for this handoff. */
  private async isWhole(file: FileHandle, size: number): Promise<boolean> {
    const checking = this.onCheck?.(size);
    try {
      for await (const block of openStream(bytesOf(file, size), this.keys)) checking?.moved(block.length);
      return true;
    } catch (error) {
      if (errorCode(error) !== undefined) throw fileFailure('read', join(this.folder, this.name), error);
      return false;
    } finally {
      checking?.end();
    }
  }
}

/** Null if there is no regular file. Throws `refused` for one that can't be read. */
async function openRegular(path: string): Promise<FileHandle | null> {
  let file: FileHandle;
  try {
    file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    // ENXIO: a pipe, or a socket.
    if (['ENOENT', 'ELOOP', 'ENXIO', 'EISDIR'].includes(errorCode(error) ?? '')) return null;
    throw fileFailure('read', path, error);
  }
  if ((await file.stat()).isFile()) return file;
  await file.close();
  return null;
}

/** The first `size` bytes of a file. */
async function* bytesOf(file: FileHandle, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < size; ) {
    const length = Math.min(CHUNK_BYTES, size - at);
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(length), 0, length, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/** Without a terminal nobody sees what is waited for, nor can they end it. */
function notWaitedFor(folder: string, { kind }: Absence): Failure {
  return new Failure(
    'usage',
    kind === 'no folder' ? noFolder(folder) : `Not all files of this session are in ${folder} yet.`,
    'Say how long to wait for them, as a script must: --timeout 10m. Nothing was burnt.',
  );
}

const noFolder = (folder: string) => `There is no folder ${folder} here, where the files of this session are expected.`;

function notThere(folder: string, absence: Absence, timeoutMs: number): Failure {
  const within = ` within ${describeDuration(Math.ceil(timeoutMs / 1000))}`;
  switch (absence.kind) {
    case 'no folder':
      return new Failure(
        'no-session',
        noFolder(folder),
        'Check its path, connect its disk or start what syncs it, and pick up again. Nothing was burnt.',
      );
    case 'not whole':
      return new Failure(
        'no-session',
        `What lies in ${folder} for this handoff did not become whole${within}.`,
        'See whether what syncs the folder is running, or publish again. Nothing was burnt.',
      );
    default:
      return new Failure(
        'no-session',
        `The files of this session did not arrive in ${folder}${within}.`,
        'See whether what syncs the folder runs on both machines, and pick up again with a longer --timeout. Nothing was burnt.',
      );
  }
}
