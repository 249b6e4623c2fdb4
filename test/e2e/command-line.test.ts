import { existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { COMMAND_NAMES } from '../../src/commands/table.ts';
import { publicKeyOf } from '../../src/crypto/ed25519.ts';
import { encodePublicKey } from '../../src/identity/public-key.ts';
import { Machine } from '../support/machine.ts';

let machine: Machine;
beforeAll(() => {
  machine = new Machine('user', '127.0.0.1:9');
});
afterAll(() => machine.remove());

describe('the command line', () => {
  it('tells its version and its help', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    expect((await machine.run(['--version'])).stdout).toBe(`cclink ${version}\n`);
    const help = await machine.run(['--help']);
    expect(help.code).toBe(0);
    for (const command of ['publish', 'pickup', 'show', 'list', 'revoke', 'init', 'whoami', 'demo', 'completion']) {
      expect(help.stdout).toContain(command);
      const own = await machine.run([command, '--help']);
      expect([command, own.code]).toEqual([command, 0]);
      expect(own.stdout).toContain('Usage: cclink');
    }
  });

  it('answers a lone question as the program itself would', async () => {
    const { execFileSync } = await import('node:child_process');
    const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
    const scripts = ['bash', 'zsh', 'fish'].map((shell) => ['completion', shell]);
    const helps = COMMAND_NAMES.flatMap((name) => [
      [name, '--help'],
      [name, '-h'],
    ]);
    const answers = JSON.parse(readFileSync(new URL('../../dist/answers.json', import.meta.url), 'utf8'));
    for (const words of [['--version'], ['-V'], ['--help'], ['-h'], ...scripts, ...helps]) {
      expect(Object.keys(answers)).toContain(words.join('\n'));
      const own = execFileSync(process.execPath, [main, ...words], { env: machine.env, encoding: 'utf8' });
      expect(await machine.run(words)).toEqual({ code: 0, stdout: own, stderr: '' });
    }
    expect((await machine.run(['constructor'])).code).toBe(2);
  });

  it('does not offer what comes later', async () => {
    const { stdout } = await machine.run(['--help']);
    const publish = await machine.run(['publish', '--help']);
    expect(stdout + publish.stdout).not.toMatch(
      /^ +(status|keep|pair|contacts)\b|--(code|wait|message|no-keep|no-carry|update)\b/m,
    );
  });

  it.each([
    [['pikcup'], /cclink pickup/],
    [['lst'], /cclink list/],
    [['something'], /neither a command/],
    [['help', 'nosuch'], /"nosuch" is not a command/],
    [['publish', '--ttl'], /cclink publish --help/],
    [['-y', 'pickup'], /after the command/],
    [['1234567'], /at least 8|session id/i],
    [['ABCDEF'], /session id|command/i],
    [['publish', '--ttl', '0'], /--ttl/],
    [['publish', '--ttl', '366d'], /--ttl/],
    [['publish', '--unknown'], /--unknown/],
    [['pickup', 'not-a-key'], /public key/],
    [['pickup', '8pinxxgqs41n4aididenw5apqp1urfmzdztr8jt4abrkdn435ew9'], /public key/],
    [['pickup', 'one', 'two'], /too many/],
    [['list', 'one'], /"one" is one argument too many[\s\S]*cclink list --help/],
    [['one', 'two'], /"one" is neither a command nor a session id\.\nSee: cclink --help/],
    [['demo', '--json'], /demo has no JSON/],
    [['--json', 'completion', 'bash'], /completion has no JSON/],
    [['completion', 'tcsh'], /bash/],
    [['-q', 'list', '--verbose'], /--verbose/],
  ])('refuses %j with exit 2, a sentence and a way on', async (args, says) => {
    const { code, stdout, stderr } = await machine.run(args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(says);
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  it('ends standard error with the failure as JSON when asked for it', async () => {
    for (const args of [
      ['whoami', '--json'],
      ['--json', 'whoami'],
      ['publish', '--json', '--ttl', '0'],
      ['list', '--json', '--nonsense'],
    ]) {
      const { stdout, stderr } = await machine.run(args);
      expect(stdout).toBe('');
      const { error } = JSON.parse(stderr.trim().split('\n').at(-1) ?? '');
      expect(Object.keys(error)).toEqual(['code', 'message', 'hint']);
    }
  });

  it('shows a stack for a defect of its own only, and only with -v', async () => {
    expect((await machine.run(['whoami', '-v'])).stderr).not.toMatch(/\n\s+at /);
    // Without WebAssembly and an Argon2 of its own, Node can't derive a key, which cclink does not expect.
    const noArgon2 = `import crypto from 'node:crypto';
      import { syncBuiltinESMExports } from 'node:module';
      crypto.argon2 = undefined;
      syncBuiltinESMExports();`;
    const env = {
      NODE_OPTIONS: `--jitless --import=data:text/javascript,${encodeURIComponent(noArgon2)}`,
      CCLINK_PASSPHRASE: 'a good passphrase',
      CCLINK_KEY_FILE: join(machine.home, 'unneeded'),
    };
    const plain = await machine.run(['init'], { env });
    const verbose = await machine.run(['init', '-v'], { env });
    expect([plain.code, verbose.code]).toEqual([1, 1]);
    expect(plain.stderr).toMatch(/defect of cclink/);
    expect(plain.stderr).not.toMatch(/\n\s+at /);
    expect(verbose.stderr).toMatch(/\n\s+at /);
  });

  it('colours only where it is wanted', async () => {
    const introducer = '\u001b[';
    expect((await machine.run(['whoami'])).stderr).not.toContain(introducer);
    expect((await machine.run(['whoami'], { env: { FORCE_COLOR: '1' } })).stderr).toContain(introducer);
    expect((await machine.run(['whoami'], { env: { FORCE_COLOR: '1', NO_COLOR: '1' } })).stderr).not.toContain(
      introducer,
    );
  });

  it('does not call it done where its result could not be written', async () => {
    const run = (redirection: string) =>
      machine.terminal(['completion', 'bash'], { shell: `"$@" ${redirection}` }).end();
    expect(await run('> /dev/full')).toBe(1);
    const version = machine.terminal(['--version'], { shell: '"$@" > /dev/full' });
    expect([await version.end(), version.text]).toEqual([1, '']);
    expect(await run('2>&- > /dev/null')).toBe(0);
  });

  it('needs a home directory that is a whole path, and makes none where it stands', async () => {
    for (const HOME of ['', 'relative']) {
      await machine.run(['init', '--no-passphrase', '--json'], {
        env: { HOME, CCLINK_KEY_FILE: `${machine.home}/key-${HOME}` },
      });
      expect(existsSync(join(machine.project, '.pubky'))).toBe(false);
      expect(existsSync(join(machine.project, HOME, '.pubky'))).toBe(false);
    }
  });

  it('is quiet about a reader that leaves', async () => {
    const { execFileSync } = await import('node:child_process');
    const out = execFileSync('/bin/sh', ['-c', `"${process.execPath}" bin/cclink.cjs --help | head -1; echo "$?"`], {
      cwd: new URL('../..', import.meta.url),
    });
    expect(String(out).trim().split('\n').at(-1)).toBe('0');
  });
});

describe('init', () => {
  it('loses no key that it has reported, however many of it make one at once', async () => {
    const machine = new Machine('keys', '127.0.0.1:9');
    onTestFinished(() => machine.remove());
    await machine.init();
    const folder = dirname(machine.keyFile);
    const made: string[] = [await machine.json<{ publicKey: string }>(['whoami']).then(({ publicKey }) => publicKey)];
    for (let round = 0; round < 3; round++) {
      const both = [1, 2, 3].map(() => machine.json<{ publicKey: string }>(['init', '-y', '--no-passphrase']));
      for (const { publicKey } of await Promise.all(both)) made.push(publicKey);
    }
    const files = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));
    const kept = files.map((hex) => encodePublicKey(publicKeyOf(Buffer.from(hex, 'hex'))));
    expect(kept.toSorted()).toEqual(made.toSorted());
  });

  it.runIf(process.platform === 'linux')('says that there is too little memory, and is no defect then', async () => {
    const machine = new Machine('small', '127.0.0.1:9');
    onTestFinished(() => machine.remove());
    const noMemory = `WebAssembly.instantiate = async () => {
      throw new RangeError('WebAssembly.instantiate(): Out of memory: Cannot allocate Wasm memory for new instance');
    };
    import crypto from 'node:crypto';
    import { syncBuiltinESMExports } from 'node:module';
    crypto.argon2 = undefined;
    syncBuiltinESMExports();`;
    const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(noMemory)}`;
    const { code, stderr } = await machine.run(['init'], {
      env: { NODE_OPTIONS, CCLINK_PASSPHRASE: 'a good passphrase' },
    });
    expect([code, stderr]).toEqual([5, expect.stringContaining('not enough memory')]);
  });

  it('says that the directory was deleted', async () => {
    const machine = new Machine('gone', '127.0.0.1:9');
    onTestFinished(() => machine.remove());
    const shell = 'mkdir gone && cd gone && rmdir ../gone && "$@"';
    const run = machine.terminal(['whoami'], { shell, env: { CLAUDE_CONFIG_DIR: 'relative' } });
    expect([await run.end(), run.text]).toEqual([2, expect.stringContaining('was deleted')]);
  });

  it('removes what a killed init left beside the key', async () => {
    const machine = new Machine('keys', '127.0.0.1:9');
    onTestFinished(() => machine.remove());
    await machine.init();
    const left = join(dirname(machine.keyFile), '.secret_key.0123456789abcdef.tmp');
    writeFileSync(left, 'a seed');
    utimesSync(left, 0, 0);
    await machine.run(['whoami']);
    expect(existsSync(left)).toBe(false);
  });
});

describe('with a model at the keyboard', () => {
  const model = { env: { CLAUDECODE: '1' } };

  it.each([
    ['publish', '--share', 'df9sse9bp1nuftim3yhxiuk6w6r5hddsskjygpydux7esxjstioo'],
    ['publish', '--pin'],
    ['pickup'],
    ['pickup', '-y'],
    ['show', 'df9sse9bp1nuftim3yhxiuk6w6r5hddsskjygpydux7esxjstioo'],
    ['revoke', '-y'],
    ['init', '--no-passphrase', '-y'],
    ['whoami', '--age-identity'],
  ])('%s %s %s is refused with exit 5 and the line to type', async (...args) => {
    const { code, stdout, stderr } = await machine.run(args.filter(Boolean), model);
    expect([code, stdout]).toEqual([5, '']);
    expect(stderr).toContain(`cclink ${args.filter(Boolean).join(' ')}`);
  });

  it('is shown the line that was typed, with the session where it would publish another elsewhere', async () => {
    const session = '11111111-1111-4111-8111-111111111111';
    const env = { CLAUDECODE: '1', CLAUDE_CODE_SESSION_ID: session };
    const line = async (...args: string[]) =>
      (await machine.run(args, { env })).stderr.trim().split('\n').at(-1)?.trim();
    expect(await line('--pin', '--ttl', '1h')).toBe(`cclink --pin --ttl 1h ${session}`);
    expect(await line('publish', '--pin', session)).toBe(`cclink publish --pin ${session}`);
    expect(await line('pickup', '-y', 'a b')).toBe("cclink pickup -y 'a b'");
  });

  it.each([
    ['publish'],
    ['list'],
    ['show'],
    ['whoami'],
    ['--help'],
    ['--version'],
    ['list', '--help'],
    ['completion', 'bash'],
    ['demo', '-q'],
  ])('%s runs', async (...args) => {
    expect((await machine.run(args, model)).code).not.toBe(5);
  });
});

describe('a variable of Claude Code in a terminal of the user', () => {
  it('is named, with the way out and the line', async () => {
    const env = { CLAUDECODE: '1', CLAUDE_CODE_ENTRYPOINT: 'cli', TMUX: '/tmp/tmux,1,0' };
    const run = machine.terminal(['pickup', '-y'], { env });
    expect(await run.end()).toBe(5);
    expect(run.text).toMatch(
      /\n {2}unset CLAUDECODE CLAUDE_CODE_ENTRYPOINT\n {2}tmux set-environment -gu CLAUDECODE\n/,
    );
    expect(run.text).toMatch(/\n {2}cclink pickup -y\n$/);
  });

  it('is named to an agent without the way out', async () => {
    const { stderr } = await machine.run(['pickup'], { env: { CLAUDECODE: '1' } });
    expect(stderr).toMatch(/CLAUDECODE is set/);
    expect(stderr).not.toMatch(/unset/);
  });
});

describe('the help', () => {
  const helpOf = async (command: string) => (await machine.run([command, '--help'])).stdout;

  it('tells of --verbose where there is a network to tell of, and what a who is', async () => {
    for (const command of ['init', 'whoami', 'demo', 'completion'])
      expect(await helpOf(command)).not.toMatch(/verbose/);
    for (const command of ['publish', 'list', 'pickup']) expect(await helpOf(command)).toMatch(/--verbose/);
    for (const command of ['show', 'pickup', 'revoke']) expect(await helpOf(command)).toMatch(/^who: /m);
  });

  it('is broken between words on a narrow terminal', async () => {
    for (const words of [['--help'], ['pickup', '--help']]) {
      const run = machine.terminal(words, { shell: 'stty cols 60; exec "$@"' });
      expect(await run.end()).toBe(0);
      const tooLong = run.text.split('\n').filter((line) => line.length > 60);
      expect(tooLong.filter((line) => /\S \S/.test(line))).toEqual([]);
    }
  });
});
