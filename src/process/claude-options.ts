import { claudeOutput } from './claude-output.ts';

/** How long `claude --help` may take, in milliseconds. It takes some 200. */
const LONGEST_MS = 8000;
/** How much of it is read, in characters. That of 2.1.332 has 23,000. */
const MOST_OUTPUT = 256 * 1024;

/**
 * The options that the Claude Code at `claudePath` knows (`--resume`), as `claude --help` names them. Empty
 * if it can't be started or takes longer than 8 seconds.
 *
 * This starts the program. `env` is its whole environment, which must hold no secret. Never rejects.
 */
export async function claudeOptions(claudePath: string, env: NodeJS.ProcessEnv): Promise<ReadonlySet<string>> {
  const question = { args: ['--help'], env, longestMs: LONGEST_MS, mostOutput: MOST_OUTPUT };
  return parseOptions(await claudeOutput(claudePath, question));
}

/** The options at the beginnings of the lines of a help text; those that its sentences name do not count. */
export function parseOptions(help: string): ReadonlySet<string> {
  const heads = help.matchAll(/^ {2,4}(?:-\w, )?(--[a-z][\w-]*(?:, --[a-z][\w-]*)*)/gim);
  return new Set([...heads].flatMap(([, names = '']) => names.split(', ')));
}
