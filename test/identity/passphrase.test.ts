import { describe, expect, it } from 'vitest';
import { passphraseFromCommand } from '../../src/identity/passphrase.ts';

const onUnix = process.platform !== 'win32';
const bytes = (text: string) => new TextEncoder().encode(text);
const run = (command: string, env: NodeJS.ProcessEnv = process.env) => passphraseFromCommand(command, env);

describe.runIf(onUnix)('CCLINK_PASSPHRASE_COMMAND', () => {
  it.each([
    ['one line', "printf 'pass phrase\\n'", 'pass phrase'],
    ['no newline', "printf 'pass phrase'", 'pass phrase'],
    ['a newline of Windows', "printf 'pass phrase\\r\\n'", 'pass phrase'],
    ['several lines, as `pass` prints them', "printf 'first\\nurl: x\\n'", 'first'],
    ['spaces around, which belong to it', "printf '  a b \\n'", '  a b '],
    ['the shell’s own work', 'x=abc; echo "$x" | tr a-z A-Z', 'ABC'],
    ['letters outside ASCII', "printf '密码🔑\\n'", '密码🔑'],
  ])('gives the first line: %s', async (_, command, expected) => {
    expect(await run(command)).toEqual(bytes(expected));
  });

  it('has nothing to read from standard input', async () => {
    expect(await run('cat; echo end')).toEqual(bytes('end'));
  });

  it('runs in the environment that it is given, and no other', async () => {
    const env = { PATH: process.env['PATH'], MINE: 'yes' };
    expect(await run('echo "$MINE:$HOME"', env)).toEqual(bytes('yes:'));
  });

  it('is not waited for longer than it runs, whatever it has left running', async () => {
    const began = performance.now();
    expect(await run('echo pw; sleep 5 2>/dev/null &')).toEqual(bytes('pw'));
    expect(performance.now() - began).toBeLessThan(4_000);
  });

  it.each([
    ['fails', 'echo secret-output; exit 3', 'failed with exit code 3'],
    ['does not exist', 'no-such-command-of-secret-output 2>/dev/null', 'failed with exit code 127'],
    ['is ended', 'echo secret-output; kill -9 $$', 'was ended by SIGKILL'],
    ['prints nothing', 'true', 'printed no passphrase'],
    ['prints an empty line', "printf '\\nsecret-output\\n'", 'printed no passphrase'],
    ['prints without end', 'yes secret-output 2>/dev/null', 'printed more than a passphrase'],
  ])('that %s is named, its output and text are not', async (_, command, expected) => {
    const failure = await run(command).catch((error: unknown) => error);
    expect(failure).toMatchObject({ name: 'Failure', code: 'cannot-open', message: expect.stringContaining(expected) });
    expect(JSON.stringify(failure) + String(failure)).not.toContain('secret-output');
  });
});
