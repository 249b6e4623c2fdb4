import { randomBytes } from 'node:crypto';
import { linkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../failure.ts';
import { bootId, isRunning, pidNamespace, startOf } from '../running-process.ts';
import { errorCode, fileFailure } from './file-failure.ts';
import { readAt, withRegularFile } from './regular-file.ts';

/** Which process holds a lock, so that others can tell whether it still runs. */
interface Holder {
  readonly host: string;
  readonly pidNamespace: string | null;
  readonly bootId: string | null;
  readonly pid: number;
  readonly start: string | null;
  /** 16 hex digits, new each time a lock is taken. */
  readonly token: string;
}

/** How long we wait for others before giving up. Our own work takes a few milliseconds. */
const PATIENCE_MS = 5_000;
const POLL_MS = 10;
const MAX_LOCK_BYTES = 4096;

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
  await acquire(path, performance.now() + patienceMs);
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

async function acquire(path: string, deadlineMs: number): Promise<void> {
  const own: Holder = {
    host: hostname(),
    pidNamespace: pidNamespace(),
    bootId: bootId(),
    pid: process.pid,
    start: startOf(process.pid),
    token: randomBytes(8).toString('hex'),
  };
  // The file is complete before it gets the name of the lock, so nobody ever reads half a holder.
  const whole = `${path}.${own.token}.tmp`;
  try {
    writeFileSync(whole, JSON.stringify(own), { flag: 'wx', mode: 0o600 });
    while (!takeName(whole, path)) {
      const holder = readHolder(path);
      if (holder !== null && hasEnded(holder)) {
        if (await takeOver(path, holder, whole, deadlineMs)) return;
      } else if (performance.now() >= deadlineMs) {
        throw held(path, holder);
      } else {
        await sleep(POLL_MS);
      }
    }
  } catch (error) {
    throw fileFailure('write', path, error);
  } finally {
    rmSync(whole, { force: true });
  }
}

/** False if the lock exists. */
function takeName(whole: string, path: string): boolean {
  try {
    linkSync(whole, path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(errorCode(error) ?? '')) throw error;
  }
  // A file system without hard links (FAT).
  try {
    writeFileSync(path, readWhole(whole) ?? '', { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Replaces the lock of a process that has ended with ours. False if somebody else did so first.
 *
 * The right to replace one particular lock is a lock itself, named after its token. So of two that see the
 * same old lock, the second finds another token there and does not remove the first one's new lock.
 */
async function takeOver(path: string, old: Holder, whole: string, deadlineMs: number): Promise<boolean> {
  const right = `${path}.${old.token}`;
  await acquire(right, deadlineMs);
  try {
    if (readHolder(path)?.token !== old.token) return false;
    renameSync(whole, path);
    rmSync(`${path}.${old.token}.tmp`, { force: true }); // what it may have left behind
    return true;
  } finally {
    rmSync(right, { force: true });
  }
}

/** Also false if this machine can't tell, as for a process on another host or in another container. */
function hasEnded(holder: Holder): boolean {
  if (holder.host !== hostname() || holder.pidNamespace !== pidNamespace()) return false;
  if (holder.bootId !== bootId() || !isRunning(holder.pid)) return true;
  const start = startOf(holder.pid);
  return start !== null && start !== holder.start;
}

function readHolder(path: string): Holder | null {
  try {
    const { host, pidNamespace, bootId, pid, start, token } = JSON.parse(readWhole(path) ?? '');
    const isWhole =
      [host, token].every((text) => typeof text === 'string') &&
      [pidNamespace, bootId, start].every((text) => text === null || typeof text === 'string') &&
      Number.isSafeInteger(pid) &&
      pid > 0 &&
      /^[0-9a-f]{16}$/.test(token);
    return isWhole ? { host, pidNamespace, bootId, pid, start, token } : null;
  } catch {
    return null;
  }
}

function readWhole(path: string): string | null {
  return withRegularFile(path, (descriptor) => readAt(descriptor, 0, MAX_LOCK_BYTES).toString());
}

function held(path: string, holder: Holder | null): Failure {
  const who = holder === null ? 'Another program' : `Another cclink (process ${holder.pid} on ${holder.host})`;
  return new Failure(
    'refused',
    `${who} has held the lock ${path} for too long.`,
    'Wait until it has ended and try again. If it has ended already, remove that file.',
  );
}
