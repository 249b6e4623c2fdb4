import { lineageOf } from '../running-process.ts';
import { type LiveSession, liveSessions } from './live-sessions.ts';
import { findTranscripts } from './transcript-files.ts';

/** What was used less than this ago, in milliseconds, is recent: a day. */
const RECENT_MS = 24 * 3600 * 1000;

/** Whether something was used within a day. */
export function isRecent({ modifiedMs }: { readonly modifiedMs: number }, nowMs = Date.now()): boolean {
  return nowMs - modifiedMs < RECENT_MS;
}

/**
 * Whether session `id`, which `CLAUDE_CODE_SESSION_ID` names, is surely running: it is open, or a Claude Code
 * is above this process. The variable alone says little: a terminal keeps it for as long as it lives if it
 * was started from inside of a session (a tmux server, an editor).
 */
export function isRunningSession(id: string, live: readonly LiveSession[]): boolean {
  const lineage = lineageOf(process.pid);
  return live.some(({ pid, sessionId }) => sessionId === id || lineage.includes(pid));
}

/** Whether session `id` is surely over: it is not running, and its transcript is more than a day old. */
export function isOver(claudeFolder: string, id: string): boolean {
  if (isRunningSession(id, liveSessions(claudeFolder))) return false;
  const [newest] = findTranscripts(claudeFolder, id);
  return newest !== undefined && !isRecent(newest);
}
