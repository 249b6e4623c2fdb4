/**
 * The variables that a Claude Code session sets for what it starts: tools, hooks, MCP servers. They leak into
 * a user's own terminal where that was opened from inside a session: a tmux server, an editor.
 *
 * A `claude` that finds them takes itself for a part of that session. With `CLAUDE_CODE_CHILD_SESSION` it
 * does not even save its transcript; the last two open a way into the other session. What users set
 * themselves is not among them. As seen up to version 2.1.332.
 */
export const OUTER_SESSION_VARIABLES = [
  'CLAUDECODE',
  'CLAUDE_CODE_SESSION_ID',
  'CLAUDE_CODE_CHILD_SESSION',
  'CLAUDE_CODE_ENTRYPOINT',
  'CLAUDE_CODE_EXECPATH',
  'CLAUDE_CODE_SESSION_ATTENDED',
  'CLAUDE_CODE_SESSION_KIND',
  'CLAUDE_CODE_SESSION_NAME',
  'CLAUDE_CODE_LAUNCHED_BY_SESSION_IDS',
  'CLAUDE_CODE_BRIDGE_SESSION_ID',
  'CLAUDE_CODE_CHILD_NOTES_DIR',
  'CLAUDE_CODE_STARTER_MAY_HOLD_CONNECTOR_FILE',
  'CLAUDE_CODE_INVOKED_SKILLS',
  'CLAUDE_PID',
  'CLAUDE_EFFORT',
  'CLAUDE_JOB_DIR',
  'CLAUDE_BG_BACKEND',
  'CLAUDE_BG_SOURCE',
  'CLAUDE_ENV_FILE',
  'CLAUDE_PROJECT_DIR',
  'CLAUDE_PLUGIN_ROOT',
  'CLAUDE_PLUGIN_DATA',
  'AI_AGENT',
  'CLAUDE_CODE_SESSION_ACCESS_TOKEN',
  'CLAUDE_CODE_MESSAGING_SOCKET',
  'CLAUDE_CODE_MESSAGING_TOKEN',
] as const;

/** The names of those that are set in `env`. */
export function outerSessionVariables(env: NodeJS.ProcessEnv): string[] {
  return OUTER_SESSION_VARIABLES.filter((name) => Boolean(env[name]));
}

/** `env` as a `claude` that is to run by itself should get it. */
export function withoutOuterSession(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const own = { ...env };
  for (const name of OUTER_SESSION_VARIABLES) delete own[name];
  return own;
}
