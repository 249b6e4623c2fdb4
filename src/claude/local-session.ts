import { closeSync, openSync, statSync } from 'node:fs';
import { Failure } from '../failure.ts';
import { lastChangeOf } from './last-change.ts';
import { type FoundBy, resumePlace } from './resume-place.ts';
import type { Session } from './session.ts';
import { isSessionId } from './session-id.ts';
import { findTranscripts, Unreadable } from './transcript-files.ts';

/** What this machine knows of a session that was handed over. */
export interface LocalSession {
  /** True if its transcript is here. */
  readonly here: boolean;
  /** The directory to resume in; null if the transcript is not here, or its directory is not known. */
  readonly directory: string | null;
  readonly directoryExists: boolean;
  /** True if this user may change into it. */
  readonly canEnter: boolean;
  /** Which versions of Claude Code find it in that directory. */
  readonly foundBy: FoundBy;
  /** What could not be read where its transcript may be; null if all could, or if it was found. */
  readonly unreadable: Failure | null;
  readonly title: string | null;
  /** The path of the transcript that Claude Code will resume. */
  readonly transcript: string | null;
  /** Why that one can't be resumed; null if nothing is known against it. */
  readonly defect: 'unreadable' | 'empty' | 'read-only' | null;
  /** When something was last said in it, in Unix milliseconds. */
  readonly lastChangeMs: number | null;
}

/** Where to look for sessions. */
export interface SessionPlaces {
  readonly claudeFolder: string;
  /** Null if it was deleted. */
  readonly workingDirectory: string | null;
}

/**
 * Finds the files of session `id` on this machine; `project` is the directory that the handoff names.
 *
 * Throws `refused` for an id that is not a UUID: it comes from outside, and a command line is built from it.
 */
export function localSession(places: SessionPlaces, id: string, project: string): LocalSession {
  if (!isSessionId(id)) {
    throw new Failure(
      'refused',
      'The session id in this handoff is not one that Claude Code uses.',
      'Do not trust it: ask the publisher to publish again.',
    );
  }
  const { claudeFolder, workingDirectory } = places;
  const hints = workingDirectory === null ? [project] : [project, workingDirectory];
  const problems = new Unreadable();
  const place = resumePlace(findTranscripts(claudeFolder, id, problems.note), hints);
  if (place === null) return { ...NOT_HERE, unreadable: problems.first };
  const { file, session, directory, exists, foundBy } = place;
  return {
    here: true,
    directory,
    directoryExists: exists,
    canEnter: directory !== null && mayEnter(directory),
    foundBy,
    unreadable: null,
    title: session?.title ?? null,
    transcript: file.path,
    defect: session === null ? 'unreadable' : defectOf(session),
    lastChangeMs: lastChangeOf(file.path),
  };
}

function defectOf({ standing, path }: Session): LocalSession['defect'] {
  if (standing === 'empty') return 'empty';
  try {
    closeSync(openSync(path, 'r+'));
    return null;
  } catch {
    return 'read-only';
  }
}

const NOT_HERE: LocalSession = {
  here: false,
  directory: null,
  directoryExists: false,
  canEnter: false,
  foundBy: 'none',
  unreadable: null,
  title: null,
  transcript: null,
  defect: null,
  lastChangeMs: null,
};

function mayEnter(directory: string): boolean {
  try {
    // The name `.` in it can't be looked up without the right to enter.
    statSync(`${directory}/.`);
    return true;
  } catch {
    return false;
  }
}
