import { type LiveSession, liveSessions } from './live-sessions.ts';
import { isNamedAfter } from './project-directory.ts';
import { findTranscripts } from './transcript-files.ts';

/** A running Claude Code that has a session open. */
export interface ClaudeWithSession {
  readonly pid: number;
  /** False if it only may have it open, as its version does not tell after `/clear`. */
  readonly isCertain: boolean;
}

/** The running Claude Code that has session `id` open, or may have; null if none has. */
export function claudeWithSession(claudeFolder: string, id: string): ClaudeWithSession | null {
  const live = liveSessions(claudeFolder);
  const certain = live.find(({ sessionId }) => sessionId === id);
  if (certain !== undefined) return { pid: certain.pid, isCertain: true };
  const possible = live.find((claude) => mayHaveOpened(claude, claudeFolder, id));
  return possible === undefined ? null : { pid: possible.pid, isCertain: false };
}

/**
 * Whether a Claude Code that goes on naming a session after `/clear` may have opened this one since: it is of
 * the same directory, and was written to after that one.
 */
function mayHaveOpened({ mayHaveOthersSinceMs, sessionId, cwd }: LiveSession, claudeFolder: string, id: string) {
  if (mayHaveOthersSinceMs === undefined) return false;
  const [named] = findTranscripts(claudeFolder, sessionId);
  const lastMs = Math.max(mayHaveOthersSinceMs, named?.modifiedMs ?? 0);
  return findTranscripts(claudeFolder, id).some(
    ({ projectFolder, modifiedMs }) => modifiedMs >= lastMs && isNamedAfter(projectFolder, cwd),
  );
}
