import { resumePlace } from '../claude/resume-place.ts';
import { describeSession } from '../claude/session.ts';
import { findSession } from '../claude/session-files.ts';
import { isSessionId } from '../claude/session-id.ts';
import { workingDirectory } from '../environment.ts';
import { Failure } from '../failure.ts';
import type { Payload } from '../handoff/payload.ts';
import type { Context } from './context.ts';

/** What this machine has of a session that was handed over. */
export interface LocalSession {
  /** True if its transcript is here. */
  readonly here: boolean;
  /** The directory to go on in; null if its files are not here, or nothing tells where it belongs. */
  readonly directory: string | null;
  readonly directoryExists: boolean;
  readonly title: string | null;
}

/**
 * Finds the files of an opened handoff's session on this machine.
 *
 * Throws `refused` for a session id that is not a UUID: it came from outside, and a command line is built from it.
 */
export function localSession(context: Context, payload: Payload): LocalSession {
  if (!isSessionId(payload.session)) {
    throw new Failure(
      'refused',
      'The handoff names a session whose id is not one of Claude Code.',
      'Do not trust it: ask the publisher to publish again.',
    );
  }
  const files = findSession(context.environment.claudeFolder, payload.session);
  const here = workingDirectory();
  const place = resumePlace(files, here === null ? [payload.project] : [payload.project, here]);
  return {
    here: place !== null,
    directory: place?.directory ?? null,
    directoryExists: place?.exists ?? false,
    title: place === null ? null : describeSession(place.file).title,
  };
}
