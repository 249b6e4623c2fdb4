import { statSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { slugOf } from './folders.ts';
import { recordedDirectories } from './session.ts';
import type { SessionFile } from './session-files.ts';

/** Which transcript of a session to resume, and where. */
export interface ResumePlace {
  readonly file: SessionFile;
  /** The directory to change into; null if nothing tells which one gave the project folder its name. */
  readonly directory: string | null;
  /** True if the directory is there, on this machine. */
  readonly exists: boolean;
}

/**
 * Where to resume a session of which `files` are the transcripts. Claude Code up to 2.1.222 finds it only from a
 * directory that gives the project folder its name, so that is asked of every candidate: those in the records, then
 * `hints` (the project that a handoff names, the current directory).
 *
 * With several transcripts, one whose directory exists comes first, then the newest. Null if there is none.
 */
export function resumePlace(files: readonly SessionFile[], hints: readonly string[]): ResumePlace | null {
  const places = files
    .toSorted((a, b) => b.modifiedMs - a.modifiedMs)
    .map((file): ResumePlace => {
      // By name alone: a stranger's path must not make us look anywhere, not even for what it points to.
      const fitting = hints.filter((hint) => isAbsolute(hint) && slugOf(hint) === file.projectFolder);
      const candidates = [...recordedDirectories(file), ...fitting];
      const existing = candidates.find(isDirectory);
      return { file, directory: existing ?? candidates[0] ?? null, exists: existing !== undefined };
    });
  return places.find(({ exists }) => exists) ?? places[0] ?? null;
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  } catch {
    return false;
  }
}
