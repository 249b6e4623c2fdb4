import { describe, expect, it } from 'vitest';
import { OUTER_SESSION_VARIABLES, outerSessionVariables, withoutOuterSession } from '../../src/claude/outer-session.ts';

/** What a Bash tool of Claude Code 2.1.332 found in its environment, beside what claude itself was given. */
const OF_A_TOOL = {
  AI_AGENT: 'claude-code_2-1-332_agent',
  CLAUDECODE: '1',
  CLAUDE_CODE_CHILD_NOTES_DIR: '/tmp/claude-0/-home-ada-shop/8c3d7974-a7fa-4792-8145-40567e7fbe37/started',
  CLAUDE_CODE_CHILD_SESSION: '1',
  CLAUDE_CODE_ENTRYPOINT: 'cli',
  CLAUDE_CODE_EXECPATH: '/home/ada/.local/bin/claude',
  CLAUDE_CODE_MESSAGING_SOCKET: '/tmp/cc-socks/18451.sock',
  CLAUDE_CODE_MESSAGING_TOKEN: '00000000000000000000000000000000',
  CLAUDE_CODE_SESSION_ATTENDED: '1',
  CLAUDE_CODE_SESSION_ID: '8c3d7974-a7fa-4792-8145-40567e7fbe37',
  CLAUDE_EFFORT: 'medium',
  CLAUDE_PID: '18451',
};

/** What users set for every claude of theirs. */
const OF_A_USER = {
  PATH: '/usr/bin',
  CLAUDE_CONFIG_DIR: '/home/ada/.claude-work',
  CLAUDE_CODE_USE_BEDROCK: '1',
  CLAUDE_CODE_OAUTH_TOKEN: 'theirs',
  CLAUDE_CODE_SSE_PORT: '40000',
  ANTHROPIC_API_KEY: 'theirs',
};

describe('the variables of an outer Claude Code session', () => {
  it('are taken out of the environment for a claude of its own, and nothing that the user set', () => {
    expect(withoutOuterSession({ ...OF_A_USER, ...OF_A_TOOL })).toEqual(OF_A_USER);
  });

  it('are named where they are set', () => {
    expect(outerSessionVariables({ ...OF_A_USER, CLAUDE_CODE_CHILD_SESSION: '1', CLAUDECODE: '' })).toEqual([
      'CLAUDE_CODE_CHILD_SESSION',
    ]);
    expect(outerSessionVariables(OF_A_TOOL).sort()).toEqual(Object.keys(OF_A_TOOL));
  });

  it('are each in the list once', () => {
    expect(new Set(OUTER_SESSION_VARIABLES).size).toBe(OUTER_SESSION_VARIABLES.length);
  });
});
