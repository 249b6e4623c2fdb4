import { isatty } from 'node:tty';
import { CommanderError } from 'commander';
import { isCommandName } from './commands/table.ts';
import { takeEnvironment } from './environment.ts';
import { EXIT_CODES, Failure } from './failure.ts';
import { interruption } from './interruption.ts';
import { runProgram, splitAtDashes } from './program.ts';
import { systemFailure } from './system-failure.ts';
import { type Output, openOutput } from './terminal/output.ts';

/** Any error as a failure with a name. */
function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof CommanderError) {
    const [command, topic] = splitAtDashes(process.argv.slice(2)).own;
    if (error.code === 'commander.help')
      return new Failure('usage', `"${topic ?? command}" is not a command.`, 'See: cclink --help');
    const message = error.message.replace(/^error: /, '').replace(/\n\(Did you mean (.*)\?\)$/, '; did you mean $1?');
    return new Failure(
      'usage',
      `${message.charAt(0).toUpperCase()}${message.slice(1)}${/[.?]$/.test(message) ? '' : '.'}`,
      `See: cclink ${command !== undefined && isCommandName(command) ? `${command} ` : ''}--help`,
    );
  }
  const ofSystem = systemFailure(error);
  if (ofSystem !== null) return ofSystem;
  const reason = error instanceof Error ? error.message : String(error);
  return new Failure(
    'internal',
    `This is a defect of cclink: ${reason}`,
    'Please report it, with what you typed and the output of the same command with -v.',
    {
      cause: error,
    },
  );
}

/**
 * Signals end the process with the shell's exit code. Files are written whole or not at all: nothing needs
 * repair.
 */
function exitOnSignals(): void {
  process.on('SIGINT', () => {
    if (process.stderr.isTTY && process.env['TERM'] !== 'dumb') process.stderr.write('\r\u001b[K');
    outputOfFailures().fail(interruption());
    end(130);
  });
  process.on('SIGTERM', () => end(143));
  process.on('SIGHUP', endByHangUp);
  // The reader of the pipe is gone.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') end(0);
    process.stderr.write('Error: The result could not be written: standard output is full or closed.\n');
    end(1);
  });
  process.stderr.on('error', () => {}); // nobody is left to tell
}

/** Which of our streams were terminals when we started. */
const TERMINALS = [0, 1, 2].filter((descriptor) => isatty(descriptor));

function end(code: number): void {
  if (TERMINALS.every((descriptor) => isatty(descriptor))) process.exit(code);
  endByHangUp();
}

/**
 * Ends as SIGHUP ends a program that does not handle it. Node's own exit would set the terminal's mode, and
 * aborts if the terminal is gone; what it dumps could hold secrets.
 */
function endByHangUp(): void {
  process.emit('exit', 129);
  process.removeAllListeners('SIGHUP');
  process.kill(process.pid, 'SIGHUP');
}

/** For failures of any command, also of one that was not understood. */
function outputOfFailures(): Output {
  const flags = splitAtDashes(process.argv.slice(2)).own;
  const verbose = flags.includes('-v') || flags.includes('--verbose');
  return openOutput({ json: flags.includes('--json'), quiet: false, verbose }, process.env);
}

async function main(): Promise<number> {
  exitOnSignals();
  try {
    await runProgram(takeEnvironment(process.env, process.argv.slice(2)), process.argv);
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    const failure = asFailure(error);
    outputOfFailures().fail(
      failure.code === 'internal' && failure.cause instanceof Error
        ? Object.assign(failure, { stack: failure.cause.stack })
        : failure,
    );
    return EXIT_CODES[failure.code];
  }
}

const exitCode = await main();
// A handle that is left over, as of a name look-up that hangs, must not keep the process alive. What was
// written is flushed first; if standard output fails, its 'error' event tells.
process.stderr.write('', () => {
  process.stdout.write('', (error) => {
    if (!error) end(exitCode);
  });
});
