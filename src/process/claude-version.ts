import { claudeOutput } from './claude-output.ts';

/** How long `claude --version` may take, in milliseconds. A start takes a few; one by Node, half a second. */
const LONGEST_MS = 5000;
/** How much of its output is read, in characters. */
const MOST_OUTPUT = 4096;

/**
 * The version of the Claude Code at `claudePath` (`2.1.222`), as `claude --version` tells it; null if it
 * can't be started, tells none, or takes longer than `longestMs` (milliseconds).
 *
 * This starts the program, so ask only where the answer matters. `env` is its whole environment, which must
 * hold no secret. Never rejects.
 */
export async function claudeVersion(
  claudePath: string,
  env: NodeJS.ProcessEnv,
  longestMs = LONGEST_MS,
): Promise<string | null> {
  const isEnough = (output: string) => parseVersion(output) !== null;
  const question = { args: ['--version'], env, longestMs, mostOutput: MOST_OUTPUT, isEnough };
  return parseVersion(await claudeOutput(claudePath, question));
}

/** The version in the first line like `2.1.222 (Claude Code)`; null if there is none. */
export function parseVersion(output: string): string | null {
  return /^(\d{1,6}\.\d{1,6}\.\d{1,6})(?![\d.])/m.exec(output)?.[1] ?? null;
}
