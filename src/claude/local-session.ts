import { statSync } from 'node:fs';
import { Failure } from '../failure.ts';
import { lastChangeOf } from './last-change.ts';
import { resumePlace } from './resume-place.ts';
import { describeSession } from './session.ts';
import { isSessionId } from './session-id.ts';
import { findTranscripts } from './transcript-files.ts';

/** What this machine knows of a session that was handed over. */
export interface LocalSession {
  /** True if its transcript is here. */
  readonly here: boolean;
  /** The directory to resume in; null if the transcript is not here, or its directory is not known. */
  readonly directory: string | null;
  readonly directoryExists: boolean;
  /** True if this user may change into it. */
  readonly canEnter: boolean;
  readonly title: string | null;
  /** The path of the transcript that Claude Code will resume. */
  readonly transcript: string | null;
  /** Why that one can't be resumed; null if nothing is known against it. */
  readonly defect: 'unreadable' | 'empty' | null;
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
  const place = resumePlace(findTranscripts(claudeFolder, id), hints);
  if (place === null) return NOT_HERE;
  const { file, directory, exists } = place;
  const lastChangeMs = lastChangeOf(file.path);
  const { title, hasConversation } = describeSession(file);
  return {
    here: true,
    directory,
    directoryExists: exists,
    canEnter: directory !== null && mayEnter(directory),
    title,
    transcript: file.path,
    defect: lastChangeMs === null ? 'unreadable' : hasConversation ? null : 'empty',
    lastChangeMs,
  };
}

const NOT_HERE: LocalSession = {
  here: false,
  directory: null,
  directoryExists: false,
  canEnter: false,
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
