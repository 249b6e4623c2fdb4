import { Failure } from '../failure.ts';
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
  readonly title: string | null;
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
  return {
    here: place !== null,
    directory: place?.directory ?? null,
    directoryExists: place?.exists ?? false,
    title: place === null ? null : describeSession(place.file).title,
  };
}
