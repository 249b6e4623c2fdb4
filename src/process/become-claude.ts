import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { constants as system } from 'node:os';
import { resolve } from 'node:path';
import { isatty } from 'node:tty';
import { Failure } from '../failure.ts';
import { inspectProgram } from './program-file.ts';
import { isShim, shimLine } from './windows-shim.ts';

/** How to start Claude Code in our place. */
export interface ClaudeStart {
  /** The program, as `findClaude` gives it. */
  readonly claudePath: string;
  /** Its arguments, without the program's name. */
  readonly args: readonly string[];
  readonly directory: string;
  /** Called when only the program itself can still fail. */
  readonly started: () => Promise<void>;
  /** Its whole environment, but `PWD` becomes `directory` and a relative `CLAUDE_CONFIG_DIR` absolute. */
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Turns this process into Claude Code. The caller must have nothing left to do, have closed what it opened,
 * and read no more input.
 *
 * If Node can do it (22.15 and later, not on Windows) the process is replaced, and this does not return.
 * Otherwise Claude Code runs as a child with our streams. Signals from the terminal are left to it; SIGTERM
 * and SIGHUP are forwarded. Resolves to the exit code to end with; if SIGINT, SIGTERM or SIGHUP killed the
 * child, this process is killed by the same signal.
 *
 * Our standard input may have been data: if it is not a terminal, Claude Code gets the user's terminal, if
 * there is one.
 *
 * Throws `no-session` if the directory can't be entered, `no-claude` if the program can't be started, and on
 * Windows `usage` if `args` can't be passed.
 */
export async function becomeClaude(start: ClaudeStart): Promise<number> {
  const env = environment(start);
  enterDirectory(start.directory);
  const terminal = isatty(0) || process.platform === 'win32' ? null : terminalPath();
  if (canReplace(start)) {
    await start.started();
    replaceProcess(start, env, terminal);
  }
  return await runAsChild(start, env, terminal);
}

/**
 * Claude Code would resolve a relative configuration folder in its own directory, and take an empty name for
 * that directory itself.
 */
function environment({ env, directory }: ClaudeStart): Record<string, string> {
  const { CLAUDE_CONFIG_DIR: folder, ...others } = env;
  const variables = { ...others, PWD: resolve(directory), ...(folder && { CLAUDE_CONFIG_DIR: resolve(folder) }) };
  return Object.fromEntries(
    Object.entries(variables).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

function enterDirectory(directory: string): void {
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
 * True if a Claude Code that is started now can talk with the user: without a terminal for its output, it
 * runs once, as with `--print`, and takes its prompt from standard input.
 */
export function canTalk(): boolean {
  return isatty(1) && (isatty(0) || (process.platform !== 'win32' && terminalPath() !== null));
}

/**
 * The path of the user's terminal; null if there is none. If standard output or error are the terminal, it is
 * opened through them: on macOS /dev/tty can't be polled, and Claude Code ends with an error.
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

/** Declared here, because our type definitions are those of the oldest Node that we support. */
const execve = (process as { execve?: Execve }).execve?.bind(process);

/**
 * True if the kernel will certainly run the program. Some versions of Node abort if it refuses, so what it
 * might refuse is left to a child process, which says why.
 */
function canReplace({ claudePath, env }: ClaudeStart): boolean {
  return execve !== undefined && process.platform !== 'win32' && inspectProgram(claudePath, env).kind === 'kernel';
}

/** Returns only if it failed. */
function replaceProcess({ claudePath, args }: ClaudeStart, env: Record<string, string>, terminal: string | null): void {
  if (terminal !== null) {
    closeSync(0);
    // open(2) returns the lowest free descriptor.
    if (openTerminal(terminal) !== 0) throw new Error('The terminal did not become standard input.');
  }
  // Node ignores these. The next program would inherit an ignored signal as ignored; a handled one is reset.
  for (const signal of ['SIGPIPE', 'SIGXFSZ'] as const) process.on(signal, () => {});
  try {
    execve?.(claudePath, [claudePath, ...args], env);
  } catch {
    // Newer versions of Node throw the reason. The child process will fail for the same one.
  }
}

function runAsChild(start: ClaudeStart, env: Record<string, string>, terminal: string | null): Promise<number> {
  return new Promise((done, failed) => {
    let child: ChildProcess | undefined;
    const forward = (signal: NodeJS.Signals) => child?.kill(signal);
    onlyListener('SIGINT', () => {});
    onlyListener('SIGQUIT', () => {});
    onlyListener('SIGTERM', forward);
    onlyListener('SIGHUP', forward);
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
    child.once('spawn', () => void start.started().catch(failed));
    child.once('error', (cause) => failed(notStarted(claudePath, cause)));
    child.once('exit', (code, signal) => done(code ?? endBySignal(signal ?? 'SIGTERM')));
  });
}

/** From here on the process only waits for Claude Code, so other listeners for `signal` are removed. */
function onlyListener(signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): void {
  process.removeAllListeners(signal);
  process.on(signal, listener);
}

/**
 * Kills this process by the signal that killed the child, so that the shell sees it. If the signal is ignored
 * or not one of those three, returns the exit code that stands for it.
 */
function endBySignal(signal: NodeJS.Signals): number {
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
