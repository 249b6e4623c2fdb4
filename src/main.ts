import { CommanderError } from 'commander';
import { takeEnvironment } from './environment.ts';
import { EXIT_CODES, Failure } from './failure.ts';
import { runProgram, splitAtDashes } from './program.ts';
import { openOutput } from './terminal/output.ts';

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
      `See: cclink ${command !== undefined && /^[a-z]+$/.test(command) ? `${command} ` : ''}--help`,
    );
  }
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
  for (const [signal, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15],
    ['SIGHUP', 1],
  ] as const) {
    process.on(signal, () => {
      process.stderr.write(process.stderr.isTTY ? '\r\u001b[K\u001b[?25h' : '');
      process.exit(128 + number);
    });
  }
  // The reader of the pipe is gone.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    process.stderr.write('Error: The result could not be written: standard output is full or closed.\n');
    process.exit(1);
  });
  process.stderr.on('error', () => {}); // nobody is left to tell
}

async function main(): Promise<number> {
  exitOnSignals();
  try {
    await runProgram(takeEnvironment(process.env, process.argv.slice(2)), process.argv);
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    const flags = splitAtDashes(process.argv.slice(2)).own;
    const failure = asFailure(error);
    openOutput(
      { json: flags.includes('--json'), quiet: false, verbose: flags.includes('-v') || flags.includes('--verbose') },
      process.env,
    ).fail(
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
    if (!error) process.exit(exitCode);
  });
});
