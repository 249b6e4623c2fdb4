import { randomBytes } from 'node:crypto';
import { constants, copyFileSync, linkSync, lstatSync, readdirSync, renameSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { isSessionId } from '../../claude/session-id.ts';
import { findTranscripts } from '../../claude/transcript-files.ts';
import { removeIfThere, syncFolder } from '../../files/atomic-write.ts';
import { errorCode, fileFailure } from '../../files/file-failure.ts';
import { makePrivateFolder } from '../../files/folders.ts';

/** How many are kept of one session, and for how long, in milliseconds: a week. */
const MOST = 3;
const LONGEST_MS = 7 * 24 * 3600 * 1000;

/** `<when it was replaced, in Unix milliseconds>-<bytes of what replaced it>-<random>.jsonl` */
const NAME = /^(\d{1,16})-(\d{1,16})-[0-9a-f]{8}\.jsonl$/;

/** A transcript that an import replaced. */
interface ReplacedFile {
  readonly path: string;
  readonly atMs: number;
  /** How large the transcript was that took its place, in bytes. */
  readonly byBytes: number;
}

/** The folder of the transcripts that imports replaced, a folder in it for each session. */
export function replacedFolder(stateFolder: string): string {
  return join(stateFolder, 'replaced');
}

/**
 * Keeps the transcript at `path` of session `id`, which is about to be replaced by one of `byBytes` bytes, at
 * a place that no reader takes for a session. Returns its path there. Throws `refused` if that can't be done.
 */
export function keepReplaced(
  stateFolder: string,
  { id, path }: { readonly id: string; readonly path: string },
  { byBytes, nowMs }: { readonly byBytes: number; readonly nowMs: number },
): string {
  const folder = join(replacedFolder(stateFolder), id);
  makePrivateFolder(folder);
  const kept = join(folder, `${nowMs}-${byBytes}-${randomBytes(4).toString('hex')}.jsonl`);
  try {
    linkSync(path, kept);
  } catch {
    copy(path, kept);
  }
  syncFolder(folder);
  return kept;
}

/** Our own folder may be on another disk, or on one without hard links. */
function copy(path: string, kept: string): void {
  const temporary = `${kept}.tmp`;
  try {
    copyFileSync(path, temporary, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    renameSync(temporary, kept);
  } catch (error) {
    removeIfThere(temporary);
    throw fileFailure('write', kept, error);
  }
}

/**
 * Removes what need not be kept any longer: what was replaced more than a week ago, all but the last three of
 * a session, and all of a session that has been gone on with since. Failures do no harm.
 */
export function sweepReplaced(stateFolder: string, claudeFolder: string, nowMs: number): void {
  for (const id of namesIn(replacedFolder(stateFolder)).filter(isSessionId)) {
    const folder = join(replacedFolder(stateFolder), id);
    const files = replacedFilesIn(folder);
    const [newest] = files;
    const hasGrown =
      newest !== undefined && findTranscripts(claudeFolder, id).some(({ size }) => size > newest.byBytes);
    for (const [i, { path, atMs }] of files.entries()) {
      if (hasGrown || i >= MOST || Math.abs(nowMs - atMs) > LONGEST_MS) removeIfThere(path);
    }
    removeIfEmpty(folder);
  }
}

/** Those of one session, the last replaced first. What a crash left half written is removed. */
function replacedFilesIn(folder: string): ReplacedFile[] {
  const files = namesIn(folder).flatMap((name) => {
    const path = join(folder, name);
    if (name.endsWith('.tmp')) removeIfOld(path);
    const [, atMs, byBytes] = NAME.exec(name) ?? [];
    return atMs === undefined ? [] : [{ path, atMs: Number(atMs), byBytes: Number(byBytes) }];
  });
  return files.toSorted((a, b) => b.atMs - a.atMs);
}

/** An hour: nothing is copied for that long. */
const HALF_WRITTEN_MS = 3600 * 1000;

function removeIfOld(path: string): void {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats !== undefined && Math.abs(Date.now() - stats.ctimeMs) > HALF_WRITTEN_MS) removeIfThere(path);
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // It is not empty.
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return [];
  }
}
