import { isAbsolute } from 'node:path';
import { slugOf } from './folders.ts';
import { existingDirectory, isFolderOf } from './project-directory.ts';
import { compareReleases } from './release.ts';
import { describeSession, type Session } from './session.ts';
import { newestFirst, type TranscriptFile } from './transcript-files.ts';

/**
 * Which versions of Claude Code find a session in its directory. `every`: its project folder is the
 * directory's own. `since 2.1.223`: it is another's, and those look there too. `none`: they do not, because
 * the session is in several, or its project folder is a symbolic link.
 */
export type FoundBy = 'every' | 'since 2.1.223' | 'none';

/** Which transcript of a session to resume, and where. */
export interface ResumePlace {
  readonly file: TranscriptFile;
  /** What its transcript tells; null if that can't be read. */
  readonly session: Session | null;
  /** The directory to change into; null if it is not known which one the project folder is named after. */
  readonly directory: string | null;
  /** True if the directory exists on this machine. */
  readonly exists: boolean;
  readonly foundBy: FoundBy;
}

/**
 * Where to resume the session with the transcripts `files`. Claude Code up to 2.1.222 finds a session only
 * from a directory that its project folder is named after, so every candidate must be one: first those in the
 * records, then `hints` (the project that a handoff names, the current directory).
 *
 * Of several transcripts, one whose directory exists comes first, then one that every Claude Code finds
 * there, then the newest. Null if there are none. One that can't be read names no directory.
 */
export function resumePlace(files: readonly TranscriptFile[], hints: readonly string[]): ResumePlace | null {
  const isAlone = files.filter(({ isInLinkedFolder }) => !isInLinkedFolder).length === 1;
  const places = newestFirst(files).map((file): ResumePlace => {
    // Compared by name only: a path from a stranger must not make us look at files or follow links, unless
    // one of our project folders is named after it.
    const fitting = hints.filter((hint) => isAbsolute(hint) && slugOf(hint) === file.projectFolder);
    const session = described(file);
    const candidates = [...(session?.directories ?? []), ...fitting];
    const existing = candidates.flatMap((candidate) => existingDirectory(candidate) ?? []);
    const own = existing.find((directory) => isFolderOf(file.projectFolder, directory));
    const elsewhere = isAlone && !file.isInLinkedFolder ? 'since 2.1.223' : 'none';
    return {
      file,
      session,
      directory: own ?? existing[0] ?? candidates[0] ?? null,
      exists: existing.length > 0,
      foundBy: own === undefined ? elsewhere : 'every',
    };
  });
  const [newest = null] = places;
  return (
    places.find(({ exists, foundBy }) => exists && foundBy === 'every') ?? places.find(({ exists }) => exists) ?? newest
  );
}

/** Whether Claude Code of `version` (`2.1.222`) finds a session from directories of other project folders. */
export function findsAnywhere(version: string): boolean {
  return compareReleases(version, '2.1.223') >= 0;
}

function described(file: TranscriptFile): Session | null {
  try {
    return describeSession(file);
  } catch {
    return null;
  }
}
