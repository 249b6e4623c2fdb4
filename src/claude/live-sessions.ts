import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readAt, withRegularFile } from '../files/regular-file.ts';
import { isRunning, startOf } from '../running-process.ts';
import { parseObject } from './json-object.ts';
import { isSessionId } from './session-id.ts';

const MOST_FILES = 1000;
const FILE_BYTES = 64 * 1024;

/** A session that is open in a running Claude Code. */
export interface LiveSession {
  readonly pid: number;
  readonly sessionId: string;
  /** The directory that Claude Code says it runs in. */
  readonly cwd: string;
}

/**
 * The sessions open in a running Claude Code, as its `sessions/<pid>.json` says. Files of another form, and
 * those left behind by a process that has ended, are skipped.
 */
export function liveSessions(claudeFolder: string): LiveSession[] {
  const folder = join(claudeFolder, 'sessions');
  return pidsIn(folder).flatMap((pid) => {
    const text = withRegularFile(join(folder, `${pid}.json`), (file) => readAt(file, 0, FILE_BYTES).toString());
    const record = text === null ? null : parsePidFile(text, pid);
    return record !== null && isRunning(pid) && !wasReused(pid, record.started)
      ? [{ pid, sessionId: record.sessionId, cwd: record.cwd }]
      : [];
  });
}

/** Parses the text of `sessions/<pid>.json`; null if it is not valid. */
export function parsePidFile(text: string, pid: number): (LiveSession & { readonly started: string | null }) | null {
  const record = parseObject(text);
  if (record === null || record['pid'] !== pid) return null;
  const { sessionId, cwd, procStart } = record;
  if (typeof sessionId !== 'string' || !isSessionId(sessionId) || typeof cwd !== 'string') return null;
  return { pid, sessionId, cwd, started: typeof procStart === 'string' ? procStart : null };
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
 * True if the process `pid` is not the one that started at `started`. Only Linux can tell; elsewhere false.
 */
function wasReused(pid: number, started: string | null): boolean {
  const actual = startOf(pid);
  return started !== null && actual !== null && started !== actual;
}
