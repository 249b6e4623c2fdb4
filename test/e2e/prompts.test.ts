import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Argon2Parameters } from '../../src/crypto/argon2id.ts';
import { encodeEnvelope, sealSeed } from '../../src/identity/envelope.ts';
import { Machine, type TerminalRun } from '../support/machine.ts';
import { itIn, SHELLS, type ShellName } from '../support/shells.ts';

const PASSPHRASE = 'a good passphrase';
const RETURN = '\r';
const CTRL_C = '\u0003';
const CTRL_D = '\u0004';
const CTRL_Z = '\u001a';

/** A third of a second for each try. */
const SLOW = { memoryKib: 65_536, iterations: 3 };

let machine: Machine;
beforeEach(() => {
  machine = new Machine('user', '127.0.0.1:9');
});
afterEach(() => machine.remove());

/** A question of each kind, and what must be there before it is asked. */
const QUESTIONS: Readonly<
  Record<string, { args: string[]; asks: RegExp; prepare?: () => unknown; env?: Record<string, string> }>
> = {
  'a yes or no': { args: ['init'], asks: /another machine already\?/ },
  'a passphrase': { args: ['whoami'], asks: /Passphrase of your key/, prepare: () => lockedKey() },
  'a PIN': { args: ['publish', '--pin'], asks: /PIN \(Return makes one/, prepare: () => keyAndSessions(1) },
  'a choice': { args: ['--dry-run'], asks: /Which session\?/, prepare: () => keyAndSessions(3) },
};

/** A key that tells nothing without its passphrase, which is quick to try unless `cost` says otherwise. */
async function lockedKey(cost: Partial<Argon2Parameters> = {}): Promise<void> {
  const parameters = { memoryKib: 8, iterations: 1, parallelism: 1, ...cost };
  const envelope = await sealSeed(new Uint8Array(32).fill(7), Buffer.from(PASSPHRASE), parameters);
  writeKey(encodeEnvelope(envelope));
}

function writeKey(bytes: Uint8Array | string): void {
  mkdirSync(dirname(machine.keyFile), { mode: 0o700 });
  writeFileSync(machine.keyFile, bytes, { mode: 0o600 });
}

function keyAndSessions(count: number): void {
  writeKey('07'.repeat(32));
  for (let i = 1; i <= count; i++) machine.addSession(machine.project, { id: `${i}`.repeat(8) + ID_END });
}
const ID_END = '-1111-4111-8111-111111111111';

/** In a shell script: runs cclink, then shows the terminal's mode and its exit code. */
const THEN_MODE = '"$@"; code=$?; stty -a | tr ";" "\\n" | grep -wE "icanon|echo"; exit $code';

/** The process that a shell runs in the foreground. */
function childOf(run: TerminalRun): number {
  return Number(readFileSync(`/proc/${run.pid}/task/${run.pid}/children`, 'utf8').trim().split(' ')[0]);
}

describe.each(Object.entries(QUESTIONS))('%s', (_, { args, asks, prepare }) => {
  it.each([
    ['Ctrl-C', CTRL_C],
    ['Ctrl-D', CTRL_D],
    ['Ctrl-D after some text', `x${CTRL_D}`],
  ])('is left by %s: 130 at once, with the terminal as it was', async (_name, keys) => {
    await prepare?.();
    const run = machine.terminal(args, { shell: THEN_MODE });
    await run.answers(asks, keys);
    expect(await run.end()).toBe(130);
    await run.sees(/Interrupted\.\n/);
    await run.sees(/(^|\s)icanon\b/m);
    await run.sees(/(^|\s)echo\b/m);
  });

  it('holds no escape sequence where the terminal knows none', async () => {
    await prepare?.();
    const run = machine.terminal(args, { env: { TERM: 'dumb' } });
    await run.answers(asks, `j${CTRL_C}`);
    expect(await run.end()).toBe(130);
    expect(run.raw).not.toContain('\u001b');
  });

  it.each(['', ' 2>/dev/null'])('ends by the hang-up when its window is closed%s, and dumps nothing', async (quiet) => {
    await prepare?.();
    // The shell ignores the hang-up, so that it can tell how cclink ended.
    const shell = `ulimit -c unlimited; trap '' HUP; "$@"${quiet}; echo $? > ended`;
    const run = machine.terminal(args, { shell });
    await run.sees(asks);
    run.closeWindow();
    const ended = join(machine.project, 'ended');
    await expect.poll(() => existsSync(ended) && readFileSync(ended, 'utf8'), { timeout: 5000 }).toBe('129\n');
    expect(readdirSync(machine.project)).toEqual(['ended']);
  });

  it('is asked again after Ctrl-Z and fg, and Ctrl-Z gives the shell its terminal', async () => {
    await prepare?.();
    const run = machine.shell('bash', SHELLS.bash);
    await run.answers(/ready> /, `cclink ${args.join(' ')}${RETURN}`);
    await run.answers(asks, CTRL_Z);
    await run.answers(/Stopped/, `stty -a | grep -cw -e -echo -e -icanon${RETURN}`);
    await run.answers(/\n0\n/, `fg${RETURN}`);
    await run.answers(new RegExp(`Stopped[\\s\\S]*${asks.source}`), CTRL_D);
    await run.sees(/Interrupted/);
    run.closeWindow();
  });

  it.runIf(process.platform === 'linux')('survives signals to stop and go on, from wherever they come', async () => {
    await prepare?.();
    const run = machine.shell('bash', SHELLS.bash);
    await run.answers(/ready> /, `cclink ${args.join(' ')}${RETURN}`);
    await run.sees(asks);
    const pid = childOf(run);
    let seen = asks.source;
    for (const signal of ['SIGTSTP', 'SIGSTOP', 'SIGTSTP'] as const) {
      process.kill(pid, signal);
      seen += '[\\s\\S]*Stopped';
      await run.answers(new RegExp(seen), `fg${RETURN}`);
      seen += `[\\s\\S]*${asks.source}`;
      await run.sees(new RegExp(seen));
    }
    run.type(CTRL_D);
    await run.sees(/Interrupted/);
    run.closeWindow();
  });
});

describe('a passphrase', () => {
  describe.each(Object.entries(SHELLS))('in %s', (shell, args) => {
    itIn(shell)('is never shown, with Ctrl-Z and fg in the middle of it', async () => {
      const run = machine.shell(shell as ShellName, args);
      await run.answers(/ready> |[#$>] /, `cclink init -y${RETURN}`);
      await run.answers(/Passphrase for the key/, `correct${CTRL_Z}`);
      await run.answers(/[Ss]topped|suspended/, `fg${RETURN}`);
      await run.answers(/(topped|suspended)[\s\S]*Passphrase for the key/, ` horse${RETURN}`);
      await run.answers(/The same again/, `correct horse${RETURN}`);
      await run.sees(/Public key +[a-z0-9]{52}/);
      run.closeWindow();
      expect(run.raw).not.toMatch(/correct|horse/);
    });
  });

  it('is edited as a line is, and no key of the keyboard gets into it', async () => {
    await lockedKey();
    const run = machine.terminal(['whoami']);
    // Ctrl-U, backspace over a character of two bytes, Ctrl-W, an arrow, F5, a lone Esc.
    await run.answers(/Passphrase of your key/, 'wrong\u0015a good pä\u007fx y\u0017\u007f\u007f\u007f');
    run.type('\u001b[D\u001b[15~');
    run.type(`passphrase${RETURN}`);
    expect(await run.end()).toBe(0);
  });

  it('that is typed while a wrong one is tried is neither shown nor left for the shell', async () => {
    await lockedKey(SLOW);
    const shell = '"$@"; code=$?; read -r -t 0.5 -n 20 rest; echo "rest=[$rest]"; exit $code';
    const run = machine.terminal(['whoami'], { shell, with: 'bash' });
    for (let attempt = 1; attempt <= 3; attempt++) {
      await run.answers(new RegExp(`(Passphrase of your key[\\s\\S]*){${attempt}}`), `wrong${RETURN}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
      run.type('too early');
    }
    expect(await run.end()).toBe(4);
    expect(run.raw).not.toMatch(/early/);
    await run.sees(/rest=\[\]/);
  });

  it('can be left while a wrong one is tried', async () => {
    await lockedKey(SLOW);
    const run = machine.terminal(['whoami'], { shell: THEN_MODE });
    await run.answers(/Passphrase of your key/, `wrong${RETURN}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
    run.type(CTRL_C);
    expect(await run.end()).toBe(130);
    await run.sees(/(^|\s)echo\b/m);
  });
});

describe('a question without a terminal', () => {
  it.each([
    [
      'a passphrase',
      ['whoami'],
      {},
      /ask this on: Passphrase of your key\nSet CCLINK_PASSPHRASE_COMMAND or CCLINK_PASSPHRASE, or/,
    ],
    ['a yes', ['init', '--no-passphrase'], {}, /Replace it\?.*\nAnswer it with -y, or run it in a terminal\.\n/],
    ['a yes over ssh', ['init', '--no-passphrase'], { SSH_CONNECTION: '1' }, /-y, or run it with ssh -t\.\n/],
    [
      'a yes over ssh, with data on standard input',
      ['init', '--no-passphrase', '--import', '-'],
      { SSH_CONNECTION: '1' },
      /-y, or run it in a terminal\.\n/,
    ],
  ])('says which one it is, and what answers it: %s', async (_, args, env, says) => {
    await lockedKey();
    const { code, stdout, stderr } = await machine.run(args, { env, input: '07'.repeat(32) });
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(says);
  });
});

it('ends by the hang-up when its window is closed while it waits for the network', async () => {
  keyAndSessions(1);
  const run = machine.terminal(['list']);
  await run.sees(/Asking the network/);
  run.closeWindow();
  expect(await run.end()).toBe(129);
});

describe('a choice', () => {
  it('takes one line for each, whatever the size of the window becomes', async () => {
    keyAndSessions(3);
    const run = machine.terminal(['--dry-run']);
    await run.sees(/33333333/);
    const length = run.text.length;
    run.resize(40, 10);
    await expect.poll(() => run.text.slice(length)).toMatch(/1 of 3[\s\S]*33333333/);
    const [, , ...lines] = run.text.slice(length).split('\n');
    for (const line of lines) expect(line.length).toBeLessThan(40);
    run.type(`j${RETURN}`);
    expect(await run.end()).toBe(0);
    expect(run.text).toMatch(/Session +([123])\1{7}-/);
  });
});
