import { randomBytes } from 'node:crypto';
import { linkSync, lstatSync, readdirSync, renameSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../failure.ts';
import { hasProcessEnded, markOfThisProcess, type ProcessMark, parseProcessMark } from '../running-process.ts';
import { removeIfThere, writeNew } from './atomic-write.ts';
import { errorCode, fileFailure } from './file-failure.ts';
import { isLeftOver } from './left-over.ts';
import { readAt, withRegularFile } from './regular-file.ts';

/** Which process holds a lock, so that others can tell whether it still runs. */
interface Holder extends ProcessMark {
  /** 16 hex digits, new each time a lock is taken. */
  readonly token: string;
}

/** A lock file as it was found. */
interface FoundLock {
  /** Null if the file does not tell. */
  readonly holder: Holder | null;
  /** What tells this very file from the next one under its name; part of a file name. */
  readonly mark: string;
  readonly modifiedMs: number;
}

/** How long we wait for others before giving up. Our own work takes a few milliseconds. */
const PATIENCE_MS = 5_000;
const POLL_MS = 10;
const MAX_LOCK_BYTES = 4096;
/** A lock file that does not name its holder is left over from a crash if it is older than this. */
const UNNAMED_MS = 3_000;

/**
 * Runs `work` while this process alone holds the lock file at `path`, whose folder must exist.
 *
 * The lock of a process that has ended is taken over. If it still runs, or runs on another host with the same
 * home, we wait for it. Throws `refused`, naming the holder, if that takes longer than `patienceMs`, or if
 * the file can't be written.
 */
export async function withLock<T>(
  path: string,
  work: () => T | Promise<T>,
  { patienceMs = PATIENCE_MS }: { readonly patienceMs?: number } = {},
): Promise<T> {
  const token = await acquire(path, performance.now() + patienceMs);
  try {
    return await work();
  } finally {
    release(path, token);
  }
}

/** Takes the lock, and returns the token that it is held by. */
async function acquire(path: string, deadlineMs: number): Promise<string> {
  const own: Holder = { ...markOfThisProcess(), token: randomBytes(8).toString('hex') };
  // The file is complete, and on the disk, before it gets the name of the lock: nobody reads half a holder,
  // and a power cut leaves no lock without one.
  const whole = `${path}.${own.token}.tmp`;
  try {
    sweep(path);
    writeNew(whole, Buffer.from(JSON.stringify(own)), true);
    while (!takeName(whole, path, own)) {
      const found = lockAt(path);
      // The system may have taken the name although it said otherwise (NFS, when an answer is lost).
      if (found?.holder?.token === own.token) break;
      if (found !== null && isAbandoned(found)) {
        if (await takeOver(path, found, whole, deadlineMs)) break;
      } else if (performance.now() >= deadlineMs) {
        throw held(path, found);
      } else {
        await sleep(POLL_MS);
      }
    }
    return own.token;
  } catch (error) {
    throw fileFailure('write', path, error);
  } finally {
    removeIfThere(whole);
  }
}

/** Removes the lock, if it is still ours. What can't be removed is taken over once this process has ended. */
function release(path: string, token: string): void {
  if (lockAt(path)?.holder?.token === token) removeIfThere(path);
}

/** False if the lock exists. */
function takeName(whole: string, path: string, own: Holder): boolean {
  try {
    linkSync(whole, path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
  }
  // No hard links on this file system (FAT) or for this program (Android). Any other failure comes again
  // here.
  try {
    writeNew(path, Buffer.from(JSON.stringify(own)), true);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Replaces an abandoned lock with ours. False if somebody else did so first.
 *
 * The right to replace one particular lock is a lock itself, named after its mark. So of two that see the
 * same old lock, the second finds another mark there and does not remove the first one's new lock.
 */
async function takeOver(path: string, { mark }: FoundLock, whole: string, deadlineMs: number): Promise<boolean> {
  const right = `${path}.${mark}`;
  const token = await acquire(right, deadlineMs);
  try {
    if (lockAt(path)?.mark !== mark) return false;
    renameSync(whole, path);
    removeIfThere(`${right}.tmp`); // what its holder may have left behind
    return true;
  } finally {
    release(right, token);
  }
}

/** True if the process that held a lock is known to have ended. */
function isAbandoned({ holder, modifiedMs }: FoundLock): boolean {
  if (holder !== null) return hasProcessEnded(holder, Date.now() - modifiedMs);
  return Number.isFinite(modifiedMs) && isLeftOver(modifiedMs, UNNAMED_MS);
}

function lockAt(path: string): FoundLock | null {
  try {
    const { ino, mtimeMs } = lstatSync(path);
    const text = withRegularFile(path, (descriptor) => readAt(descriptor, 0, MAX_LOCK_BYTES).toString());
    // A folder or a link under this name is nothing of ours.
    if (text === null) return { holder: null, mark: `${ino}`, modifiedMs: Number.POSITIVE_INFINITY };
    const holder = parseHolder(text);
    return { holder, mark: holder?.token ?? `${ino}-${Math.floor(mtimeMs)}`, modifiedMs: mtimeMs };
  } catch {
    return null;
  }
}

function parseHolder(text: string): Holder | null {
  try {
    const value = JSON.parse(text);
    const mark = parseProcessMark(value);
    const { token } = value;
    return mark !== null && typeof token === 'string' && /^[0-9a-f]{16}$/.test(token) ? { ...mark, token } : null;
  } catch {
    return null;
  }
}

/** Removes what processes that were killed left beside a lock. */
function sweep(path: string): void {
  try {
    for (const name of readdirSync(dirname(path))) {
      const file = join(dirname(path), name);
      const isBeside = name.startsWith(`${basename(path)}.`);
      if (isBeside && isLeftOver(lstatSync(file).mtimeMs)) removeIfThere(file);
    }
  } catch {
    // They do no harm.
  }
}

function held(path: string, found: FoundLock | null): Failure {
  const holder = found?.holder ?? null;
  const who = holder === null ? 'Another program' : `Another cclink (process ${holder.pid} on ${holder.host})`;
  return new Failure(
    'refused',
    `${who} has held the lock ${path} for too long.`,
    'Wait until it has ended and try again. If it has ended already, remove that file.',
  );
}
