import { statSync } from 'node:fs';
import { lastChangeOf } from './last-change.ts';
import type { Session } from './session.ts';

/** How far the time of a file may be from the last thing said in it and be explained, in milliseconds. */
const EXPLAINED_MS = 10 * 60_000;
/** Files with times less than this apart, in milliseconds, may have been written by one run of a program. */
const ONE_RUN_MS = 10_000;

/**
 * True if the file of a session has a time that it got by being copied (`cp -r`, `rsync` without `-t`, a git
 * checkout): both that time and the file itself are newer than what was said in it. False where that can't be
 * told.
 */
export function isRestamped(session: Pick<Session, 'path' | 'modifiedMs'>): boolean {
  return useOf(session).isCopy;
}

/** When something was last said in a session (Unix milliseconds), and whether its file tells another time. */
function useOf({ path, modifiedMs }: Pick<Session, 'path' | 'modifiedMs'>): { saidMs: number; isCopy: boolean } {
  const saidMs = lastChangeOf(path) ?? modifiedMs;
  const isCopy = modifiedMs - saidMs > EXPLAINED_MS && bornMs(path) > saidMs + ONE_RUN_MS;
  return { saidMs, isCopy };
}

/**
 * `sessions`, which come with the last written first, with those last used first.
 *
 * Copied ones of one run come in the order in which something was said in them. Where another session was in
 * use after the first of them, as its records and its file agree, copied ones count by their records alone.
 */
export function inOrderOfUse<T extends Pick<Session, 'path' | 'modifiedMs'>>(sessions: readonly T[]): T[] {
  const uses = sessions.map((session) => ({ session, ...useOf(session) }));
  const [first] = uses;
  if (first === undefined) return [];
  const isSure = ({ session, saidMs }: (typeof uses)[0]) => Math.abs(session.modifiedMs - saidMs) <= EXPLAINED_MS;
  if (uses.some((use) => isSure(use) && use.saidMs > first.saidMs)) {
    const usedMs = ({ session, saidMs, isCopy }: (typeof uses)[0]) => (isCopy ? saidMs : session.modifiedMs);
    return uses.toSorted((a, b) => usedMs(b) - usedMs(a)).map(({ session }) => session);
  }
  const runs: (typeof uses)[] = [];
  for (const use of uses) {
    const run = runs.at(-1);
    const before = run?.at(-1);
    const isSameRun = before?.isCopy && use.isCopy && before.session.modifiedMs - use.session.modifiedMs < ONE_RUN_MS;
    if (isSameRun) run?.push(use);
    else runs.push([use]);
  }
  return runs.flatMap((run) => run.toSorted((a, b) => b.saidMs - a.saidMs)).map(({ session }) => session);
}

/** When a file was made, in Unix milliseconds; 0 where the system doesn't tell. */
function bornMs(path: string): number {
  try {
    return statSync(path).birthtimeMs;
  } catch {
    return 0;
  }
}
