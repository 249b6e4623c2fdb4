import { fstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readAt, withRegularFile } from '../files/regular-file.ts';
import { isRunning, startOf, startTimeOf } from '../running-process.ts';
import { parseObject } from './json-object.ts';
import { compareReleases } from './release.ts';
import { isSessionId } from './session-id.ts';

const MOST_FILES = 1000;
const FILE_BYTES = 64 * 1024;
/** By how much the clocks of a file and of a process may differ, in milliseconds. */
const CLOCK_TOLERANCE_MS = 5000;

/** A session that is open in a running Claude Code. */
export interface LiveSession {
  readonly pid: number;
  readonly sessionId: string;
  /** The directory that Claude Code says it runs in. */
  readonly cwd: string;
  /**
   * When it started, in Unix milliseconds, if its version goes on naming a session after `/clear`: since then
   * it may have opened another one.
   */
  readonly mayHaveOthersSinceMs?: number;
}

/** The first version that is known to name the new session after `/clear`. 2.1.119 does not. */
const NAMES_THE_NEW_ONE = '2.1.222';

/**
 * The sessions open in a running Claude Code, as its `sessions/<pid>.json` says. Files of another form, and
 * those left behind by a process that has ended, are skipped.
 *
 * Not to be trusted over the transcripts: up to 2.1.119 the file names the session before the last `/clear`.
 */
export function liveSessions(claudeFolder: string): LiveSession[] {
  const folder = join(claudeFolder, 'sessions');
  return pidsIn(folder).flatMap((pid) => {
    const file = withRegularFile(join(folder, `${pid}.json`), (descriptor) => ({
      text: readAt(descriptor, 0, FILE_BYTES).toString(),
      modifiedMs: fstatSync(descriptor).mtimeMs,
    }));
    const record = file === null ? null : parsePidFile(file.text, pid);
    if (file === null || record === null) return [];
    const { started, ...session } = record;
    return isRunning(pid) && !wasReused(pid, started, file.modifiedMs) ? [session] : [];
  });
}

/** Parses the text of `sessions/<pid>.json`; null if it is not valid. */
export function parsePidFile(text: string, pid: number): (LiveSession & { readonly started: string | null }) | null {
  const record = parseObject(text);
  if (record === null || record['pid'] !== pid) return null;
  const { sessionId, cwd, procStart, version, startedAt } = record;
  if (typeof sessionId !== 'string' || !isSessionId(sessionId) || typeof cwd !== 'string') return null;
  const isNew = typeof version === 'string' && compareReleases(version, NAMES_THE_NEW_ONE) >= 0;
  return {
    pid,
    sessionId,
    cwd,
    ...(!isNew && { mayHaveOthersSinceMs: typeof startedAt === 'number' ? startedAt : 0 }),
    started: typeof procStart === 'string' ? procStart : null,
  };
}

function pidsIn(folder: string): number[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return [];
  }
  // Never 0, 1 or a negative number, which do not stand for a process of the user.
  const pids = names.flatMap((name) => (/^[1-9]\d{0,9}\.json$/.test(name) ? [Number.parseInt(name, 10)] : []));
  return pids.filter((pid) => pid > 1 && pid < 2 ** 31).slice(0, MOST_FILES);
}

/**
 * True if the process `pid` is not the one that wrote its file at `modifiedMs` and says that it started at
 * `started` (null if it doesn't say). Only Linux can tell; elsewhere false.
 */
function wasReused(pid: number, started: string | null, modifiedMs: number): boolean {
  if (started !== null) {
    const actual = startOf(pid);
    return actual !== null && started !== actual;
  }
  const startMs = startTimeOf(pid);
  return startMs !== null && startMs > modifiedMs + CLOCK_TOLERANCE_MS;
}
