import { type ChildProcess, spawn } from 'node:child_process';
import { isShim, shimLine } from './windows-shim.ts';

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
  return parseVersion(await outputOf(claudePath, env, longestMs));
}

/** The version in the first line like `2.1.222 (Claude Code)`; null if there is none. */
export function parseVersion(output: string): string | null {
  return /^(\d{1,6}\.\d{1,6}\.\d{1,6})(?![\d.])/m.exec(output)?.[1] ?? null;
}

/** What `claude --version` prints on its standard output, until it ends or its time is over. */
function outputOf(claudePath: string, env: NodeJS.ProcessEnv, longestMs: number): Promise<string> {
  return new Promise((done) => {
    let output = '';
    let child: ChildProcess;
    try {
      child = start(claudePath, env);
    } catch {
      done('');
      return;
    }
    const end = (text: string) => {
      clearTimeout(timer);
      // Something that it started may still hold the pipe, and would keep us from ending.
      child.stdout?.destroy();
      child.unref();
      done(text);
    };
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      end('');
    }, longestMs);
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(0, MOST_OUTPUT);
      const lines = output.slice(0, output.lastIndexOf('\n') + 1);
      if (parseVersion(lines) !== null) end(lines);
    });
    child.once('error', () => end(''));
    child.once('close', () => end(output));
  });
}

function start(claudePath: string, env: NodeJS.ProcessEnv): ChildProcess {
  const options = { env, stdio: ['ignore', 'pipe', 'ignore'] as ['ignore', 'pipe', 'ignore'], windowsHide: true };
  return isShim(claudePath)
    ? spawn(shimLine(claudePath, ['--version']), { ...options, shell: true })
    : spawn(claudePath, ['--version'], options);
}
