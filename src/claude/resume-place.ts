import { statSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { slugOf } from './folders.ts';
import { recordedDirectories } from './session.ts';
import type { TranscriptFile } from './transcript-files.ts';

/** Which transcript of a session to resume, and where. */
export interface ResumePlace {
  readonly file: TranscriptFile;
  /** The directory to change into; null if it is not known which one the project folder is named after. */
  readonly directory: string | null;
  /** True if the directory exists on this machine. */
  readonly exists: boolean;
}

/**
 * Where to resume the session with the transcripts `files`. Claude Code up to 2.1.222 finds a session only
 * from a directory that its project folder is named after, so every candidate must be one: first those in the
 * records, then `hints` (the project that a handoff names, the current directory).
 *
 * Of several transcripts, one whose directory exists comes first, then the newest. Null if there are none.
 */
export function resumePlace(files: readonly TranscriptFile[], hints: readonly string[]): ResumePlace | null {
  const places = files
    .toSorted((a, b) => b.modifiedMs - a.modifiedMs)
    .map((file): ResumePlace => {
      // Compared by name only: a path from a stranger must not make us look at files or follow links, unless
      // one of our project folders is named after it.
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
