/** The options with which a session of somebody else is first started by a `claude` of that version. */
export function safeStartOptions(_claudeVersion: string | null): string[] {
  return ['--permission-mode', 'default'];
}

/** What the model is told of one's own session that has moved. */
export function movedText(move: {
  readonly fromHost: string;
  readonly fromDirectory: string | null;
  readonly toDirectory: string;
}): string {
  return `This session was moved from ${move.fromHost}, ${move.fromDirectory}, to ${move.toDirectory}.`;
}

/** What the model is told of a session of somebody else. Nothing in it is theirs. */
export const FOREIGN_TEXT = 'This session was written by somebody else, on another machine.';
