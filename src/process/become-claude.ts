import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, closeSync, constants, openSync } from 'node:fs';
import { constants as system } from 'node:os';
import { resolve } from 'node:path';
import { isatty } from 'node:tty';
import { Failure } from '../failure.ts';
import { realPath } from '../files/real-path.ts';
import { readAt, withRegularFile } from '../files/regular-file.ts';
import { isShim, shimLine } from './windows-shim.ts';

/** How to start Claude Code in our place. */
export interface ClaudeStart {
  /** The program, as `findClaude` gives it. */
  readonly claudePath: string;
  /** Its arguments, without the program's name. */
  readonly args: readonly string[];
  readonly directory: string;
  /** Its whole environment, except that `PWD` becomes `directory` and a relative `CLAUDE_CONFIG_DIR` absolute. */
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Turns this process into Claude Code: the caller has nothing left to do, has closed what it opened, and reads no more
 * input.
 *
 * Where Node can (22.15 and later, not on Windows) the process is replaced, and this does not return. Elsewhere Claude
 * Code runs as a child, with our streams; signals of the terminal are left to it, SIGTERM and SIGHUP are passed on.
 * Resolves to the exit code for us to end with; if SIGINT, SIGTERM or SIGHUP ended the child, we end of the same
 * signal.
 *
 * Our standard input may have been data: if it is not a terminal, Claude Code gets the terminal that the user sees,
 * where there is one.
 *
 * Throws `no-session` if the directory can't be entered, `no-claude` if the program can't be started, and on Windows
 * `usage` if `args` can't be passed.
 */
export async function becomeClaude(start: ClaudeStart): Promise<number> {
  const env = environment(start);
  changeInto(start.directory);
  const terminal = isatty(0) || process.platform === 'win32' ? null : terminalPath();
  if (canReplace(start.claudePath)) replaceProcess(start, env, terminal);
  return await runAsChild(start, env, terminal);
}

/**
 * Claude Code would look up a relative configuration folder from its own directory, and take an empty name for that
 * directory.
 */
function environment({ env, directory }: ClaudeStart): Record<string, string> {
  const { CLAUDE_CONFIG_DIR: folder, ...others } = env;
  const variables = { ...others, PWD: resolve(directory), ...(folder && { CLAUDE_CONFIG_DIR: resolve(folder) }) };
  return Object.fromEntries(
    Object.entries(variables).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

function changeInto(directory: string): void {
  try {
    process.chdir(directory);
  } catch (cause) {
    throw new Failure(
      'no-session',
      `The directory of the session can't be entered: ${directory}`,
      'Create it, or run the command shown with --no-run in another directory.',
      { cause },
    );
  }
}

/**
 * A name by which to open the terminal that the user sees; null if there is none. By way of standard output or error
 * where these are the terminal: on macOS what is opened as /dev/tty can't be polled, and Claude Code ends with an
 * error.
 */
function terminalPath(): string | null {
  const descriptors = [1, 2].filter((descriptor) => isatty(descriptor));
  const paths = [...descriptors.map((descriptor) => `/dev/fd/${descriptor}`), '/dev/tty'];
  return paths.find(canOpenTerminal) ?? null;
}

function canOpenTerminal(path: string): boolean {
  try {
    closeSync(openTerminal(path));
    return true;
  } catch {
    return false;
  }
}

function openTerminal(path: string): number {
  return openSync(path, constants.O_RDWR | constants.O_NOCTTY);
}

type Execve = (file: string, args: readonly string[], env: Record<string, string>) => void;

/** Declared here, as the types are those of the oldest Node that we run on. */
const execve = (process as { execve?: Execve }).execve?.bind(process);

/**
 * True if the kernel will take the program at `path` in our place. Some versions of Node abort if it won't, so what it
 * might refuse (a script without `#!`, or for an interpreter that is not there) is left to a child process, which says
 * why.
 */
function canReplace(path: string): boolean {
  if (execve === undefined || process.platform === 'win32') return false;
  const start = withRegularFile(realPath(path), (file) => readAt(file, 0, 256).toString('latin1'));
  if (start === null) return false;
  const interpreter = /^#![ \t]*([^ \t\n]+)/.exec(start)?.[1];
  return interpreter === undefined ? start.includes('\0') : isExecutable(interpreter);
}

/** Returns only if it failed. */
function replaceProcess({ claudePath, args }: ClaudeStart, env: Record<string, string>, terminal: string | null): void {
  if (terminal !== null) {
    closeSync(0);
    // The lowest number that is free is the one that open(2) gives.
    if (openTerminal(terminal) !== 0) throw new Error('The terminal did not become standard input.');
  }
  // Node ignores these, and what is ignored stays so in the next program; what is handled becomes the default again.
  for (const signal of ['SIGPIPE', 'SIGXFSZ'] as const) process.on(signal, () => {});
  try {
    execve?.(claudePath, [claudePath, ...args], env);
  } catch {
    // Newer versions of Node come back with the reason. The child process will fail of the same.
  }
}

function runAsChild(start: ClaudeStart, env: Record<string, string>, terminal: string | null): Promise<number> {
  return new Promise((done, failed) => {
    let child: ChildProcess | undefined;
    const passOn = (signal: NodeJS.Signals) => child?.kill(signal);
    onlyListener('SIGINT', () => {});
    onlyListener('SIGQUIT', () => {});
    onlyListener('SIGTERM', passOn);
    onlyListener('SIGHUP', passOn);
    const input = terminal === null ? 'inherit' : openTerminal(terminal);
    const options = { env, stdio: [input, 'inherit', 'inherit'] as ['inherit' | number, 'inherit', 'inherit'] };
    const { claudePath, args } = start;
    try {
      child = isShim(claudePath)
        ? spawn(shimLine(claudePath, args), { ...options, shell: true })
        : spawn(claudePath, args, options);
    } finally {
      if (input !== 'inherit') closeSync(input);
    }
    child.once('error', (cause) => failed(notStarted(claudePath, cause)));
    child.once('exit', (code, signal) => done(code ?? endOfSignal(signal ?? 'SIGTERM')));
  });
}

/** From here on the process only waits for Claude Code: whoever else listened for `signal` has no say. */
function onlyListener(signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): void {
  process.removeAllListeners(signal);
  process.on(signal, listener);
}

/**
 * Ends this process as the child ended, for the shell to see; the exit code that says so if the signal is ignored, or
 * is not one to die of.
 */
function endOfSignal(signal: NodeJS.Signals): number {
  if (process.platform !== 'win32' && ['SIGINT', 'SIGTERM', 'SIGHUP'].includes(signal)) {
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  }
  return 128 + system.signals[signal];
}

function notStarted(claudePath: string, cause: Error): Failure {
  return new Failure(
    'no-claude',
    `Claude Code could not be started: ${claudePath}`,
    'See whether `claude --version` works in this terminal.',
    { cause },
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
