import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fdatasync,
  futimesSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { promisify } from 'node:util';
import { projectsFolder } from '../../claude/folders.ts';
import type { SessionPlace } from '../../claude/session-layout.ts';
import { Failure } from '../../failure.ts';
import { removeIfThere, syncFolder } from '../../files/atomic-write.ts';
import { errorCode, fileFailure, whileWriting } from '../../files/file-failure.ts';
import { makePrivateFolder } from '../../files/folders.ts';
import { writeFully } from '../../files/write-fully.ts';
import { isLeftBehind, writerMark } from '../../files/writer-mark.ts';

const NAME = '.cclink-incoming-';
/** Nothing takes longer to arrive, in milliseconds: a day. */
const LONGEST_MS = 24 * 3600 * 1000;
/** How much is written at once. */
const WRITTEN_BYTES = 1024 * 1024;
/** A file that has more than this is sent to the disk while it is written: at its end that takes seconds. */
const SYNC_STEP_BYTES = 16 * 1024 * 1024;
/** Each small file takes a disk some milliseconds; several at once take little longer than one. */
const SYNCED_AT_ONCE = 4;
/** Windows lacks it; there, making a link needs rights that few have. */
const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW = 0 } = constants;

/** Removes what imports that were killed left in the Claude folder. Follows no link; failures do no harm. */
export function sweepStaging(claudeFolder: string): void {
  for (const folder of [claudeFolder, projectsFolder(claudeFolder)]) {
    try {
      for (const name of readdirSync(folder)) {
        if (!name.startsWith(NAME)) continue;
        const path = join(folder, name);
        const isOurs = isLeftBehind(name.slice(NAME.length), lstatSync(path).mtimeMs, LONGEST_MS);
        if (isOurs) rmSync(path, { recursive: true, force: true });
      }
    } catch {
      // There is no such folder, or it can't be read.
    }
  }
}

/** A file that waits to be moved in place. */
interface StagedFile {
  /** Where it is now, and where it is to be. */
  readonly path: string;
  readonly target: string;
  readonly bytes: number;
  readonly mayReplace: boolean;
}

/**
 * What a backup of an edited file must be like. `/rewind` gives its mode to the file that it restores, and up
 * to 2.1.119 believes a file of the same size unchanged that is older than its backup: a checkout may be of
 * any time. The folder that backups are in is private.
 */
const BACKUP = { mode: () => 0o600 | (0o666 & ~process.umask()), modified: 0 } as const;

/**
 * Files of a session on their way in: written beside the project folders, on the disk that they are to be on,
 * where no reader takes them for a session, and moved in place when all are whole.
 */
export class Staging {
  private readonly place: SessionPlace;
  private readonly mark = writerMark();
  /** The staging folder on each disk, by device. */
  private readonly folders = new Map<number, string>();
  /** By target, capitals left out: a bundle may have ten thousand. */
  private readonly staged = new Map<string, StagedFile>();
  private written = 0;
  /** Where what is being written is meanwhile. */
  private readonly places = [0, 1].map(() => Buffer.allocUnsafeSlow(WRITTEN_BYTES)) as [Buffer, Buffer];
  /** What was moved in place where nothing was before, the last first. */
  private readonly placed: string[] = [];
  private readonly madeFolders: string[] = [];

  constructor(place: SessionPlace) {
    this.place = place;
    // Ctrl-C ends the process wherever it is.
    process.once('exit', this.discard);
  }

  /** Files and bytes written so far. */
  get size(): { readonly files: number; readonly bytes: number } {
    const bytes = [...this.staged.values()].reduce((sum, file) => sum + file.bytes, 0);
    return { files: this.staged.size, bytes };
  }

  /** True if a file is already going to be at `target`, or where some file systems take that to be. */
  has(target: string): boolean {
    return this.staged.has(target.toLowerCase());
  }

  /**
   * Writes a file that is to be at `target`, a path of `pathOfName`. Returns where it is until then. What was
   * written for the same target before is dropped. If it may not replace what is at `target` by then, it is
   * left out. It is private (0600) unless it is a backup of an edited file: see `BACKUP`.
   *
   * Throws `refused` if it can't be written, and whatever reading `content` throws.
   */
  async write(
    target: string,
    content: AsyncIterable<Uint8Array>,
    { mayReplace = true, isBackup = false } = {},
  ): Promise<string> {
    const path = join(this.folderFor(target), `${this.written++}.part`);
    const file = whileWriting(target, () => openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600));
    try {
      // The umask may have removed permission bits.
      if (process.platform !== 'win32') whileWriting(target, () => fchmodSync(file, isBackup ? BACKUP.mode() : 0o600));
      const bytes = await writeAll(file, target, content, this.places);
      if (isBackup) whileWriting(target, () => futimesSync(file, BACKUP.modified, BACKUP.modified));
      this.stage({ path, target, bytes, mayReplace });
      return path;
    } finally {
      closeSync(file);
    }
  }

  /** Waits until all that was written is on the disk. Throws `refused` if it can't be. */
  async sync(): Promise<void> {
    const waiting = [...this.staged.values()];
    const syncNext = async (): Promise<void> => {
      for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) await syncFile(file);
    };
    await Promise.all(Array.from({ length: SYNCED_AT_ONCE }, syncNext));
  }

  /**
   * Moves the files in place, in the order in which they were written, but `last` (a target) at the end,
   * right after `beforeLast`. If that or a move fails, what was new is taken away again.
   *
   * Returns the targets of those that were left out. Throws `refused`, and whatever `beforeLast` throws.
   */
  commit(last: string, beforeLast: () => void): string[] {
    const kept: string[] = [];
    try {
      for (const file of this.staged.values()) {
        if (file.target !== last && !this.put(file)) kept.push(file.target);
      }
      for (const folder of new Set(this.placed.map((path) => dirname(path)))) syncFolder(folder);
      const transcript = this.staged.get(last.toLowerCase());
      if (transcript === undefined) throw new TypeError('The transcript was not written.');
      this.makeFolderOf(last);
      beforeLast();
      whileWriting(last, () => renameSync(transcript.path, last));
    } catch (error) {
      this.undo();
      throw error;
    }
    syncFolder(dirname(last));
    return kept;
  }

  /** Removes what was not moved in place. Failures do no harm: the next import sweeps. */
  readonly discard = (): void => {
    process.removeListener('exit', this.discard);
    for (const folder of this.folders.values()) {
      try {
        rmSync(folder, { recursive: true, force: true });
      } catch {
        // A folder that became read-only, say.
      }
    }
    this.folders.clear();
  };

  private stage(file: StagedFile): void {
    const key = file.target.toLowerCase();
    const before = this.staged.get(key);
    this.staged.set(key, file);
    if (before !== undefined) removeIfThere(before.path);
  }

  /** False if it was left out. */
  private put({ path, target, mayReplace }: StagedFile): boolean {
    this.makeFolderOf(target);
    return whileWriting(target, () => {
      const isNew = lstatSync(target, { throwIfNoEntry: false }) === undefined;
      if (mayReplace) renameSync(path, target);
      else if (!isNew || !linkNew(path, target)) return false;
      if (isNew) this.placed.unshift(target);
      return true;
    });
  }

  private undo(): void {
    for (const target of this.placed) removeIfThere(target);
    for (const folder of this.madeFolders.toReversed()) {
      try {
        rmdirSync(folder);
      } catch {
        // Something else is in it.
      }
    }
  }

  /**
   * Makes the folder of a target, with its missing parents, for the user alone (0700). Claude Code's own
   * folders may be links, as its user arranged it; what belongs to this session may not.
   */
  private makeFolderOf(target: string): void {
    const { claudeFolder, sessionId } = this.place;
    const names = relative(claudeFolder, dirname(target)).split(sep);
    let folder = claudeFolder;
    let isOfSession = false;
    for (const name of names) {
      folder = join(folder, name);
      isOfSession ||= name === sessionId;
      const stats = whileWriting(folder, () => lstatSync(folder, { throwIfNoEntry: false }));
      if (stats === undefined) this.makeFolder(folder);
      else if (!stats.isDirectory() && (isOfSession || !isFolder(folder))) throw notAFolder(folder);
    }
  }

  private makeFolder(folder: string): void {
    makePrivateFolder(folder);
    // The umask may have removed permission bits.
    if (process.platform !== 'win32') whileWriting(folder, () => chmodSync(folder, 0o700));
    this.madeFolders.push(folder);
  }

  /** The staging folder on the disk of `target`: in the Claude folder, else among the projects. */
  private folderFor(target: string): string {
    const { claudeFolder } = this.place;
    const device = deviceOf(dirname(target));
    const known = this.folders.get(device);
    if (known !== undefined) return known;
    const parent = [claudeFolder, projectsFolder(claudeFolder)].find((folder) => deviceOf(folder) === device);
    if (parent === undefined) throw onAnotherDisk(dirname(target), claudeFolder);
    makePrivateFolder(parent);
    const folder = join(parent, `${NAME}${this.mark}`);
    whileWriting(folder, () => mkdirSync(folder, { mode: 0o700 }));
    if (process.platform !== 'win32') whileWriting(folder, () => chmodSync(folder, 0o700));
    this.folders.set(device, folder);
    return folder;
  }
}

const syncData = promisify(fdatasync);

/**
 * Writes what holds only until more is asked for: each part is copied to one of two places, and written while
 * the next one is made. Returns the number of bytes.
 */
async function writeAll(
  file: number,
  target: string,
  content: AsyncIterable<Uint8Array>,
  [first, second]: readonly [Buffer, Buffer],
): Promise<number> {
  let bytes = 0;
  let [free, busy] = [first, second];
  let writing: Promise<void> = Promise.resolve();
  let syncing: Promise<void> = Promise.resolve();
  let synced = 0;
  try {
    for await (const block of content) {
      for (let at = 0; at < block.length; at += free.length) {
        const part = block.subarray(at, at + free.length);
        free.set(part);
        await writing;
        if (bytes - synced >= SYNC_STEP_BYTES) {
          await syncing;
          syncing = syncData(file);
          syncing.catch(() => {}); // they are awaited later
          synced = bytes;
        }
        writing = writeFully(file, free.subarray(0, part.length), bytes);
        writing.catch(() => {});
        bytes += part.length;
        [free, busy] = [busy, free];
      }
    }
  } finally {
    await Promise.all([writing, syncing]).catch((error: unknown) => {
      throw fileFailure('write', target, error);
    });
  }
  return bytes;
}

async function syncFile({ path, target }: StagedFile): Promise<void> {
  try {
    const file = await open(path, 'r+');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw fileFailure('write', target, error);
  }
}

/** False if there is a file already. */
function linkNew(path: string, target: string): boolean {
  try {
    linkSync(path, target);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    // A file system without hard links (FAT): there was none a moment ago.
    renameSync(path, target);
    return true;
  }
}

/** The device of `path`, or of the nearest folder above it that exists. Links are followed. */
function deviceOf(path: string): number {
  for (let folder = path; ; folder = dirname(folder)) {
    const stats = whileWriting(folder, () => statSync(folder, { throwIfNoEntry: false }));
    // Newer Nodes say of what would be below a file that it is not there, and older ones fail.
    if (stats?.isDirectory() === false) throw notAFolder(folder);
    if (stats !== undefined || folder === dirname(folder)) return stats?.dev ?? 0;
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function notAFolder(path: string): Failure {
  return new Failure(
    'refused',
    `Something else stands where a folder of the session belongs: ${path}`,
    'Look at what it is, move it away, and try again. Nothing was changed.',
  );
}

function onAnotherDisk(folder: string, claudeFolder: string): Failure {
  return new Failure(
    'refused',
    `${folder} is on another disk than ${claudeFolder}, so a session can't be moved there whole or not at all.`,
    'Move it to the same disk, and try again.',
  );
}
