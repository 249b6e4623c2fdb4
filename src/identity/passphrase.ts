import { spawn } from 'node:child_process';
import { Failure } from '../failure.ts';
import { secretBytes } from '../secret-bytes.ts';

/** The most that a passphrase command may print, in bytes. */
const MAX_OUTPUT = 65_536;

/** The bytes of a passphrase: UTF-8 as typed, not normalised, as in Rust cclink. The caller wipes them. */
export function passphraseBytes(passphrase: string | Uint8Array): Uint8Array {
  return secretBytes(typeof passphrase === 'string' ? Buffer.from(passphrase) : passphrase);
}

/**
 * Runs `CCLINK_PASSPHRASE_COMMAND` in the shell and returns the first line of its output as bytes, without
 * the line end. The caller wipes them, and passes an environment without our secrets.
 *
 * Throws `cannot-open` if the command fails, or prints nothing or too much. The message repeats neither the
 * command nor its output. There is no time limit, because the command may be asking somebody.
 */
export async function passphraseFromCommand(command: string, env: NodeJS.ProcessEnv): Promise<Uint8Array> {
  const { output, ending } = await run(command, env);
  try {
    if (ending !== null) throw failed(ending);
    const line = firstLine(output);
    if (line.length === 0) throw failed('printed no passphrase');
    return secretBytes(line);
  } finally {
    output.fill(0);
  }
}

/** How long the last words of a command that has ended may be on their way to us, in milliseconds. */
const LAST_WORDS_MS = 250;

/** The output of a command, and how it failed; null if it did not. */
function run(command: string, env: NodeJS.ProcessEnv): Promise<{ output: Uint8Array; ending: string | null }> {
  return new Promise((resolve) => {
    const output = new Uint8Array(MAX_OUTPUT);
    let length = 0;
    let tooMuch = false;
    let lastWords: NodeJS.Timeout | undefined;
    const child = spawn(command, { shell: true, stdio: ['ignore', 'pipe', 'inherit'], env });
    const end = (code: number | null, signal: NodeJS.Signals | null) => {
      clearTimeout(lastWords);
      const ending = tooMuch
        ? 'printed more than a passphrase'
        : signal !== null
          ? `was ended by ${signal}`
          : code !== 0
            ? `failed with exit code ${code}`
            : null;
      resolve({ output: output.subarray(0, length), ending });
      child.stdout.destroy();
    };
    child.stdout.on('data', (chunk: Buffer) => {
      tooMuch ||= length + chunk.length > MAX_OUTPUT;
      if (tooMuch) {
        child.stdout.destroy();
        child.kill();
      } else {
        output.set(chunk, length);
        length += chunk.length;
      }
      chunk.fill(0);
    });
    child.on('error', () => resolve({ output, ending: 'could not be started' }));
    child.on('close', end);
    // What it has started and left running (an agent) may hold its output open for as long as it likes.
    child.on('exit', (code, signal) => {
      lastWords = setTimeout(() => end(code, signal), LAST_WORDS_MS);
    });
  });
}

function firstLine(output: Uint8Array): Uint8Array {
  const end = output.indexOf(0x0a);
  const line = end < 0 ? output : output.subarray(0, end);
  return line.at(-1) === 0x0d ? line.subarray(0, -1) : line;
}

function failed(how: string): Failure {
  return new Failure('cannot-open', `CCLINK_PASSPHRASE_COMMAND ${how}.`, 'Run the command by hand to see why.');
}
