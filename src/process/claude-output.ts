import { type ChildProcess, spawn } from 'node:child_process';
import { isShim, shimLine } from './windows-shim.ts';

/** What is asked of a `claude`, and when the answer is there. */
export interface ClaudeQuestion {
  readonly args: readonly string[];
  /** Its whole environment, which must hold no secret. */
  readonly env: NodeJS.ProcessEnv;
  /** How long it may take, in milliseconds. */
  readonly longestMs: number;
  /** How much of its output is read, in characters. */
  readonly mostOutput: number;
  /** Whether this output says enough, so that its end need not be waited for. */
  readonly isEnough?: (output: string) => boolean;
}

/**
 * What the Claude Code at `claudePath` prints on its standard output; nothing if it can't be started or takes
 * too long. Never rejects.
 */
export function claudeOutput(claudePath: string, question: ClaudeQuestion): Promise<string> {
  const { longestMs, mostOutput, isEnough = () => false } = question;
  return new Promise((done) => {
    let output = '';
    let child: ChildProcess;
    try {
      child = start(claudePath, question);
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
      output = (output + text).slice(0, mostOutput);
      const lines = output.slice(0, output.lastIndexOf('\n') + 1);
      if (isEnough(lines)) end(lines);
    });
    child.once('error', () => end(''));
    child.once('close', () => end(output));
  });
}

function start(claudePath: string, { args, env }: ClaudeQuestion): ChildProcess {
  const options = { env, stdio: ['ignore', 'pipe', 'ignore'] as ['ignore', 'pipe', 'ignore'], windowsHide: true };
  return isShim(claudePath)
    ? spawn(shimLine(claudePath, args), { ...options, shell: true })
    : spawn(claudePath, args, options);
}
