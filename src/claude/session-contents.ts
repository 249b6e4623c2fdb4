import type { SessionFileKind, SessionPlace } from './session-layout.ts';
import type { TranscriptFile } from './transcript-files.ts';

/** A file of a session, as it was found. */
export interface SessionFile {
  readonly kind: SessionFileKind;
  /** What it is called in a bundle, as `kindOfName` knows it. */
  readonly name: string;
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  /** What tells this very file from another that takes its name: device and inode. */
  readonly identity: string;
}

/** What a session consists of. */
export interface SessionContents {
  readonly place: SessionPlace;
  /** The transcript is the first. */
  readonly files: readonly SessionFile[];
  /** All of them together, in bytes. */
  readonly bytes: number;
  /** What was found in the session's places and is not carried, and why, in words for a person. */
  readonly left: readonly { readonly what: string; readonly why: string }[];
}

/**
 * The files of the session with this transcript, by `session-layout.ts`: regular ones, in its own places, never
 * by a symbolic link. `secrets` are files that may not come along under whatever name, beside those of Claude
 * Code itself. With `memory` the notes of its project come along.
 *
 * Throws `refused` if the transcript itself is one of those, and `no-session` if it is gone.
 */
export function sessionContents(
  _claudeFolder: string,
  _transcript: TranscriptFile,
  _options: { readonly memory: boolean; readonly secrets: readonly string[] },
): SessionContents {
  throw new Error('not yet');
}
